"""Layers of TensorFlow Addons. No other file imports that package."""

import warnings

import keras
import tensorflow as tf

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It is told at each import that it is no longer developed.
    import tensorflow_addons as tfa

EPSILON = 1e-5


class _InstanceNormalization(tfa.layers.InstanceNormalization):
    """The layer of TensorFlow Addons, with moments that may be differentiated twice.

    That layer's `tf.nn.moments` stops gradients at the mean within the variance. They are 0 there,
    but their own gradients are not: those of a gradient penalty come out wrong. Nor does this go
    through groups, which doubles the graph.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        mean = tf.reduce_mean(inputs, axis=[1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.square(inputs - mean), axis=[1, 2], keepdims=True)
        return tf.nn.batch_normalization(
            inputs, mean, variance, self.beta, self.gamma, self.epsilon
        )


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
    return _InstanceNormalization(epsilon=EPSILON, dtype="float32", name=name)
