"""Bicubic enlargement inside a network: what `tfdeblur.images.resize.upscale` does, as one layer.

TensorFlow Lite has no bicubic resizing, and TensorFlow's own differs from MATLAB's at the borders.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfdeblur.images.resize import resize_bicubic
from tfdeblur.stack import keras

_REACH = 2  # Source pixels on each side that the enlargement of one pixel sees.
_TAPS = 2 * _REACH + 1


class BicubicUpscale(keras.layers.Layer):
    """Enlarge as MATLAB's `imresize(image, scale, 'bicubic')`, mirrored at the borders.

    `[B, H, W, C]` -> `[B, scale * H, scale * W, C]` float32 in the range of the input, neither
    rounded nor clipped; any H and W from 1 on. It computes in float32 under every policy and has no
    weights: the cubic's values stand in the graph, as a convolution with `scale`^2 phases.

    Args:
      scale: an integer, at least 1.
      name: of the layer.

    Raises:
      ValueError: `scale` is below 1.
    """

    def __init__(self, scale: int, name: str | None = None):
        if scale < 1:
            raise ValueError(f"`scale` must be at least 1. Got: {scale}.")
        super().__init__(name=name, dtype="float32", trainable=False)
        self.scale = scale

    def build(self, input_shape) -> None:
        """Compute the kernel for the input's channels."""
        self._kernel = _phase_kernel(self.scale, input_shape[-1])
        super().build(input_shape)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Enlarge a batch; see the class."""
        for axis in (1, 2):
            images = _extend(images, axis)
        phases = tf.nn.conv2d(images, self._kernel, strides=1, padding="VALID")
        return phases if self.scale == 1 else tf.nn.depth_to_space(phases, self.scale)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer."""
        return {"name": self.name, "scale": self.scale}


def _phase_kernel(scale: int, channels: int) -> np.ndarray:
    """Return `[taps, taps, C, scale^2 C]`: the weights of each output pixel of one source pixel.

    They are read off the enlarged unit vectors, at their middle pixel.
    """
    enlarged = resize_bicubic(np.eye(_TAPS), (_TAPS * scale, _TAPS))
    weights = enlarged[_REACH * scale : (_REACH + 1) * scale]  # [phase, tap]
    # In the order of depth_to_space: row phase, column phase, channel.
    kernel = np.einsum("yi,xj,cd->ijcyxd", weights, weights, np.eye(channels, dtype=np.float32))
    return kernel.reshape(_TAPS, _TAPS, channels, scale**2 * channels)


def _extend(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Mirror `_REACH` pixels on both sides of an axis, from a length of 1 on.

    `tf.pad` mirrors no more than an axis has.
    """
    length = tf.shape(images)[axis]
    position = tf.math.floormod(tf.range(-_REACH, length + _REACH), 2 * length)
    return tf.gather(images, tf.minimum(position, 2 * length - 1 - position), axis=axis)
