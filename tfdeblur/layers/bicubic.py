"""Bicubic enlargement inside a network: `tfdeblur.images.resize.upscale` as a layer.

TensorFlow Lite has no bicubic resizing, and TensorFlow's own differs from MATLAB's at the borders.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfdeblur.images.resize import resize_bicubic
from tfdeblur.stack import keras

_REACH = 2  # Source pixels on each side that contribute to an enlarged pixel.
_TAPS = 2 * _REACH + 1


class BicubicUpscale(keras.layers.Layer):
    """Enlarge as MATLAB's `imresize(image, scale, 'bicubic')`, mirrored at the borders.

    `[B, H, W, C]` -> `[B, scale * H, scale * W, C]` float32 in the range of the input, neither
    rounded nor clipped; any H and W of at least 1. Computes in float32 under every policy. It has
    no weights: the cubic's values are constants of the graph, a convolution with `scale`^2 phases.

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
        """Return the arguments that rebuild the layer."""
        return {"name": self.name, "scale": self.scale}


def _phase_kernel(scale: int, channels: int) -> np.ndarray:
    """Return `[taps, taps, C, scale^2 C]`: the weights of all output pixels of a source pixel.

    They are read off the enlarged unit vectors at the middle pixel.
    """
    enlarged = resize_bicubic(np.eye(_TAPS), (_TAPS * scale, _TAPS))
    weights = enlarged[_REACH * scale : (_REACH + 1) * scale]  # [phase, tap]
    # In the order of depth_to_space: row phase, column phase, channel.
    kernel = np.einsum("yi,xj,cd->ijcyxd", weights, weights, np.eye(channels, dtype=np.float32))
    return kernel.reshape(_TAPS, _TAPS, channels, scale**2 * channels)


def _extend(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Mirror `_REACH` pixels on both sides of an axis of any length from 1.

    `tf.pad` cannot mirror more pixels than the axis has.
    """
    length = tf.shape(images)[axis]
    position = tf.math.floormod(tf.range(-_REACH, length + _REACH), 2 * length)
    return tf.gather(images, tf.minimum(position, 2 * length - 1 - position), axis=axis)
