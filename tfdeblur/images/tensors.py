"""Images as tensors: conversion between ranges, and the type of a training batch.

Training, evaluation and export share those from and to 8 bits, so the measured model equals the
shipped one, rounding included.
"""

from typing import TypedDict

import tensorflow as tf


class _Pair(TypedDict):
    degraded: tf.Tensor
    target: tf.Tensor


class Batch(_Pair, total=False):
    """A training batch: `[B, H, W, C]` float32 in [0, 1].

    A batch has the optional entries if its data does.

    Attributes:
      degraded: `[B, h, w, C]`.
      target: `[B, scale * h, scale * w, C]`, the truth.
      lr_sharp: optional; the truth at the size of `degraded`.
      hr_blurry: optional; blurred like `degraded`, at the size of `target`.
      face_mask: optional; `[B, scale * h, scale * w, 1]`, 1 where there is a face, else 0.
      class_index: optional; int32 `[B]`, which of the model's classes a pair belongs to. Each
        replica's share of every sub-batch holds the classes in blocks of equal length, class 0
        first. `data.pipeline.make_batches` produces this layout.
    """

    lr_sharp: tf.Tensor
    hr_blurry: tf.Tensor
    face_mask: tf.Tensor
    class_index: tf.Tensor


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Convert uint8 `[..., C]` in [0, 255] to float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Convert float `[..., C]` in [0, 1] to uint8 in [0, 255]: round half to even, clip."""
    levels = tf.round(tf.cast(images, tf.float32) * 255.0)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def to_signed(images: tf.Tensor) -> tf.Tensor:
    """Map float images in [0, 1] to [-1, 1]."""
    return images * 2.0 - 1.0
