"""4x4 convolutions that halve and double images, and discriminators made of them.

The blocks of Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR
2017. Kernels are initialised as in Torch, U(-a, a) with a = fan-in^(-1/2), biases with 0.
"""

from collections.abc import Sequence

from tfdeblur.layers.initializers import torch_uniform
from tfdeblur.layers.instance_norm import instance_normalization
from tfdeblur.layers.norms import batch_normalization
from tfdeblur.stack import keras

LEAK = 0.2
NORMS = {"bn": batch_normalization, "in": instance_normalization}


def convolution(
    filters: int, name: str, size: int = 4, strides: int = 2, use_bias: bool = True
) -> keras.layers.Layer:
    """Build a convolution with zero padding; by default it halves the image."""
    return _convolution(filters, name, size, strides, "same", use_bias)


def deconvolution(filters: int, name: str) -> keras.layers.Layer:
    """Build a transposed convolution that doubles the image."""
    return keras.layers.Conv2DTranspose(
        filters, 4, 2, padding="same", kernel_initializer=torch_uniform(), name=name
    )


def build_discriminator(
    shape: tuple[int, int, int],
    filters: Sequence[int],
    strides: Sequence[int],
    norm: str,
    prefix: str,
    *,
    one_logit: bool,
    name: str,
) -> keras.Model:
    """Build a discriminator of 4x4 convolutions, each with one pixel of zero padding.

    All but the first are normalised and each is followed by a LeakyReLU; a convolution to one
    channel comes last.

    Args:
      shape: (height, width, channels) of the images.
      filters: kernels of each convolution but the last.
      strides: strides of each convolution but the last.
      norm: `bn` (batch) or `in` (instance).
      prefix: of the layers' names. The n-th convolution is `<prefix><n>`, or `<prefix><n>_raw` if
        `<prefix><n>_norm` follows it, which removes its bias.
      one_logit: whether the last convolution spans all remaining positions; else it is 4x4 and
        judges patches.
      name: of the model.

    Returns:
      `[B, height, width, channels]` float32 -> logits float32 `[B, h, w, 1]`, `[B, 1, 1, 1]` with
      `one_logit`.
    """
    images = x = keras.Input(shape, name="images", dtype="float32")
    for number, (count, stride) in enumerate(zip(filters, strides, strict=True), 1):
        layer = f"{prefix}{number}"
        x = keras.layers.ZeroPadding2D(1, name=f"{layer}_border")(x)
        if number == 1:
            x = _convolution(count, layer, 4, stride, "valid")(x)
        else:
            x = _convolution(count, f"{layer}_raw", 4, stride, "valid")(x)
            x = NORMS[norm](f"{layer}_norm")(x)
        x = keras.layers.LeakyReLU(LEAK, name=f"{layer}_relu")(x)
    last = f"{prefix}{len(filters) + 1}"
    if not one_logit:
        x = keras.layers.ZeroPadding2D(1, name=f"{last}_border")(x)
    x = _convolution(1, last, x.shape[1] if one_logit else 4, 1, "valid")(x)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name=name)


def _convolution(
    filters: int, name: str, size: int, strides: int, padding: str, use_bias: bool = True
) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters,
        size,
        strides,
        padding,
        use_bias=use_bias,
        kernel_initializer=torch_uniform(),
        name=name,
    )
