"""Conversion between 8-bit images and the [0, 1] tensors of every generator, in TensorFlow.

Training, evaluation and export share these two functions, so that what is measured is what is
shipped, rounding included.
"""

import tensorflow as tf


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Convert uint8 `[..., C]` in [0, 255] to float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """Convert float `[..., C]` in [0, 1] to uint8 in [0, 255]: round half to even, clip."""
    levels = tf.round(tf.cast(images, tf.float32) * 255.0)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)
