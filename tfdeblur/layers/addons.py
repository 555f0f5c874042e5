"""Layers of TensorFlow Addons. No other file imports that package."""

import keras
import tensorflow_addons as tfa

EPSILON = 1e-5


def instance_normalization(name: str) -> keras.layers.Layer:
    """Build an instance normalisation: `gamma (x - mean) / sqrt(variance + 1e-5) + beta`.

    The moments are those of one sample's channel over height and width (Ulyanov et al., "Improved
    Texture Networks", CVPR 2017), so no sample depends on its batch. They, and the output, are
    float32 under every policy: in bfloat16 the variance of a large image is wrong by tens of
    percent. A following convolution casts to its own type.

    Keras' `GroupNormalization(groups=-1)` computes the same, but a TensorFlow Lite file of it runs
    with a fixed batch and size only.

    Args:
      name: of the layer.

    Returns:
      A layer, `[B, H, W, C]` -> `[B, H, W, C]` float32; gamma and beta, `[C]` each, are trained.
    """
    return tfa.layers.InstanceNormalization(epsilon=EPSILON, dtype="float32", name=name)
