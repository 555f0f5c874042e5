"""Resampling: an image's pixels as channels of a coarser grid, and convolutions there.

Jin, Hirsch and Favaro, "Learning Face Deblurring Fast and Wide", CVPRW 2018, §4.1. A convolution of
k x k on an image resampled by s is a strided one: kernel ks x ks, stride s.
"""

import numpy as np
import tensorflow as tf

from tfdeblur.stack import keras

FORMS = ("space_to_depth", "strided")


class SpaceToDepth(keras.layers.Layer):
    """Resamples `[B, H, W, C]` to `[B, H / s, W / s, s * s * C]` of the same dtype.

    Pixel (s i + p, s j + q) of channel c becomes channel (p s + q) C + c of cell (i, j). H and W
    must be multiples of the stride s, which is at least 1.
    """

    def __init__(self, stride: int, name: str):
        # A mixed policy must not round values that are only copied.
        super().__init__(name=name, trainable=False, autocast=False)
        self.stride = stride

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Resample a batch; see the class."""
        return images if self.stride == 1 else tf.nn.space_to_depth(images, self.stride)

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"stride": self.stride, "name": self.name}


class DepthToSpace(keras.layers.Layer):
    """Undoes `SpaceToDepth`: `[B, H, W, s * s * C]` -> `[B, s * H, s * W, C]` of the same dtype."""

    def __init__(self, stride: int, name: str):
        super().__init__(name=name, trainable=False, autocast=False)
        self.stride = stride

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Undo the resampling of a batch; see the class."""
        return features if self.stride == 1 else tf.nn.depth_to_space(features, self.stride)

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"stride": self.stride, "name": self.name}


def resampling_convolution(
    images: tf.Tensor,
    filters: int,
    kernel_size: int,
    stride: int,
    form: str = "space_to_depth",
    kernel_initializer: keras.initializers.Initializer | str = "glorot_uniform",
    *,
    name: str,
) -> tf.Tensor:
    """Resample by `stride` and convolve with zero padding; biases start at zero.

    Both forms give equal results if their kernels correspond (see `strided_kernel`), and start from
    the same distribution if the initializer scales only with the fan-in.

    Args:
      images: `[B, H, W, C]`, symbolic; H and W are multiples of `stride`.
      filters: channels of the result.
      kernel_size: side of the kernel in cells of the coarse grid, odd.
      stride: s, at least 1.
      form: `space_to_depth`, whose kernel is `[k, k, s * s * C, filters]`, or `strided`, whose
        kernel is `[k * s, k * s, C, filters]`.
      kernel_initializer: of the kernel.
      name: of the convolution.

    Returns:
      `[B, H / s, W / s, filters]`.

    Raises:
      ValueError: `kernel_size` is even or `form` unknown.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:  # The forms would pad different sides.
        raise ValueError(f"`kernel_size` must be odd and positive. Got: {kernel_size}.")
    if form not in FORMS:
        raise ValueError(f"`form` must be one of {FORMS}. Got: {form!r}.")
    shared = {"padding": "same", "kernel_initializer": kernel_initializer, "name": name}
    if form == "strided":
        size = kernel_size * stride
        return keras.layers.Conv2D(filters, size, strides=stride, **shared)(images)
    resampled = SpaceToDepth(stride, name=f"{name}_resample")(images)
    return keras.layers.Conv2D(filters, kernel_size, **shared)(resampled)


def strided_kernel(kernel: np.ndarray, stride: int) -> np.ndarray:
    """Convert a kernel for resampled images into that of the equivalent strided convolution.

    Args:
      kernel: `[k, k, s * s * C, F]`.
      stride: s.

    Returns:
      `[k * s, k * s, C, F]`.
    """
    size, _, depth, filters = kernel.shape
    channels = depth // stride**2
    cells = kernel.reshape(size, size, stride, stride, channels, filters)
    return cells.transpose(0, 2, 1, 3, 4, 5).reshape(size * stride, -1, channels, filters)
