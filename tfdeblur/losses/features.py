"""Losses on the features of a discriminator. Each returns one value per sample, float32 `[B]`."""

import tensorflow as tf

from tfdeblur.losses.pixel import squared_error


def feature_matching(
    real_features: tf.Tensor, fake_features: tf.Tensor, reduction: str = "mean"
) -> tf.Tensor:
    """Return ||phi(G(y)) - phi(x)||^2 (SCGAN, eq. 5).

    Args:
      real_features: `[B, ...]` features of the real images.
      fake_features: same shape, of the restored images.
      reduction: see `pixel.squared_error`.
    """
    return squared_error(real_features, fake_features, reduction)


def triplet(
    anchor: tf.Tensor,
    positive: tf.Tensor,
    negative: tf.Tensor,
    margin: float,
    reduction: str = "mean",
) -> tf.Tensor:
    """Return [||positive - anchor||^2 - ||negative - anchor||^2 + margin]_+ (SCGAN, eq. 8).

    Equal features give `margin`; a negative at least `margin` further away than the positive gives
    0.

    Args:
      anchor: `[B, ...]` features of real images x.
      positive: same shape, of other real images.
      negative: same shape, of restored images G(y).
      margin: alpha, in the unit of the reduced squared distance.
      reduction: see `pixel.squared_error`.
    """
    near = squared_error(anchor, positive, reduction)
    far = squared_error(anchor, negative, reduction)
    return tf.nn.relu(near - far + margin)
