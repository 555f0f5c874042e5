"""Instance normalisation. No other file imports TensorFlow Addons."""

import warnings

import tensorflow as tf

from tfdeblur.stack import HAS_ADDONS, keras

EPSILON = 1e-5

if HAS_ADDONS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Each import prints an end-of-life warning.
        from tensorflow_addons.layers import InstanceNormalization as _Parameters
else:

    class _Parameters(keras.layers.Layer):  # type: ignore[no-redef]
        """The weights of TensorFlow Addons' layer: gamma and beta, `[C]` each."""

        def __init__(self, epsilon: float, **options):
            super().__init__(**options)
            self.epsilon = epsilon

        def build(self, input_shape: tf.TensorShape) -> None:
            channels = input_shape[-1:]
            self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
            self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
            super().build(input_shape)


class _InstanceNormalization(_Parameters):
    """Normalises by moments that can be differentiated twice.

    TensorFlow Addons' layer uses `tf.nn.moments`, which stops gradients at the mean within the
    variance. They are 0 there, but their own gradients are not, so a gradient penalty's gradients
    would be wrong. This layer also avoids groups, which double the graph.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        mean = tf.reduce_mean(inputs, axis=[1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.square(inputs - mean), axis=[1, 2], keepdims=True)
        return tf.nn.batch_normalization(
            inputs, mean, variance, self.beta, self.gamma, self.epsilon
        )


def instance_normalization(name: str) -> keras.layers.Layer:
    """Build an instance normalisation: `gamma (x - mean) / sqrt(variance + 1e-5) + beta`.

    The moments are taken per sample and channel over height and width (Ulyanov et al., "Improved
    Texture Networks", CVPR 2017), so samples do not depend on their batch. Moments and output are
    float32 under every policy: in bfloat16 the variance of a large image is wrong by tens of
    percent. A following convolution casts to its own type.

    Keras' `GroupNormalization(groups=-1)` computes the same, but in a TensorFlow Lite file it only
    runs with a fixed batch and size.

    Args:
      name: of the layer.

    Returns:
      A layer, `[B, H, W, C]` -> `[B, H, W, C]` float32; gamma and beta, `[C]` each, are trained.
    """
    return _InstanceNormalization(epsilon=EPSILON, dtype="float32", name=name)
