"""Convolution blocks from the literature, for Keras' functional API."""

import tensorflow as tf

from tfdeblur.layers.instance_norm import instance_normalization
from tfdeblur.stack import keras


def convolution_group(x: tf.Tensor, filters: int, size: int, strides: int = 1, *, name: str):
    """Connect a convolution, an instance norm and a ReLU.

    Args:
      x: `[B, H, W, C]`.
      filters: kernels.
      size: side of a kernel in pixels.
      strides: in pixels.
      name: prefix of the layers' names; the convolution's is `<name>_group`.

    Returns:
      `[B, ceil(H / strides), ceil(W / strides), filters]`.
    """
    x = keras.layers.Conv2D(filters, size, strides, padding="same", name=f"{name}_group")(x)
    return norm_relu(x, name=name)


def norm_relu(x: tf.Tensor, *, name: str):
    """Connect an instance norm and a ReLU, `<name>_norm` and `<name>_relu`."""
    return keras.layers.ReLU(name=f"{name}_relu")(instance_normalization(f"{name}_norm")(x))


def recurrent_convolution(x: tf.Tensor, recycles: int, *, name: str):
    """Connect h = f(x), then `recycles` times h = f(x + h); f is one 3x3 `convolution_group`.

    All runs share f's weights, so they count once (Alom et al., "Recurrent Residual Convolutional
    Neural Network based on U-Net", 2018).

    Args:
      x: `[B, H, W, C]`.
      recycles: number of times that the output is fed back, at least 0.
      name: prefix of the layers' names.

    Returns:
      `[B, H, W, C]`.
    """
    convolve = keras.layers.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}_group")
    normalise = instance_normalization(f"{name}_norm")
    activate = keras.layers.ReLU(name=f"{name}_relu")
    state = activate(normalise(convolve(x)))
    for cycle in range(1, recycles + 1):
        fed_back = keras.layers.Add(name=f"{name}_cycle{cycle}")([x, state])
        state = activate(normalise(convolve(fed_back)))
    return state


def residual_dense_blocks(x: tf.Tensor, growth: int, scale: float, *, name: str):
    """Connect a residual-in-residual dense block (Wang et al., "ESRGAN", ECCVW 2018).

    Three dense blocks y, each x + scale * y, within another x + scale * y. A dense block has five
    3x3 convolutions; each sees the block's input and the outputs of all before it. The first four
    have `growth` kernels and a LeakyReLU of 0.2; the last is linear.

    Args:
      x: `[B, H, W, C]`.
      growth: kernels that each convolution adds.
      scale: of the residuals.
      name: prefix of the layers' names.

    Returns:
      `[B, H, W, C]`.
    """
    y = x
    for number in (1, 2, 3):
        y = _dense_block(y, growth, scale, f"{name}_dense{number}")
    return scaled_sum(x, y, scale, name=name)


def _dense_block(x: tf.Tensor, growth: int, scale: float, name: str):
    features, y = [x], x
    for number in (1, 2, 3, 4):
        y = keras.layers.Conv2D(growth, 3, padding="same", name=f"{name}_conv{number}")(y)
        features.append(keras.layers.LeakyReLU(0.2, name=f"{name}_relu{number}")(y))
        y = keras.layers.Concatenate(name=f"{name}_concat{number}")(features)
    y = keras.layers.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}_conv5")(y)
    return scaled_sum(x, y, scale, name=name)


def scaled_sum(x: tf.Tensor, residual: tf.Tensor, scale: float, *, name: str):
    """Connect x + scale * residual."""
    residual = keras.layers.Rescaling(scale, name=f"{name}_scale")(residual)
    return keras.layers.Add(name=f"{name}_sum")([x, residual])
