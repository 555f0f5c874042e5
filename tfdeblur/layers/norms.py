"""Normalisation layers shared by several papers' networks."""

import tensorflow as tf

from tfdeblur.stack import keras

# No paper states them; these are Torch's defaults. With Keras' momentum of 0.99, inference would
# rely on statistics from about a hundred steps ago; with its epsilon of 1e-3, the outer levels of a
# U-Net with weights initialised as small as Torch's would pass on a tenth of their signal.
MOMENTUM = 0.9
EPSILON = 1e-5


def batch_normalization(name: str, epsilon: float = EPSILON) -> keras.layers.Layer:
    """Build a batch normalisation whose statistics are float32 under every precision policy.

    In the scope of a strategy with several replicas they cover the global batch. The moving
    variance is then the batch's; the fused kernel's is n / (n - 1) times as large.

    Args:
      name: of the layer.
      epsilon: added to the variance.

    Returns:
      A layer `[B, H, W, C]` -> the same shape, in the policy's dtype.
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    # Fused: its statistics are float32 whatever the policy (measured to 2e-5 under bfloat16).
    kind = {"synchronized": True} if several else {"fused": True}
    return keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=epsilon, name=name, **kind)
