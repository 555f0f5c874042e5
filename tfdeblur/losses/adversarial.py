"""Adversarial losses on logits. Each returns one value per sample, float32 `[B]`.

With D = sigmoid(logits): -log D(x) = softplus(-logits) and -log(1 - D(x)) = softplus(logits).
"""

import tensorflow as tf


def nonsaturating_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Return -log D(G(y)) (Goodfellow et al. 2014; SCGAN §4 in place of eq. 2).

    D(G(y)) = 0.5 gives ln 2 = 0.693147.

    Args:
      fake_logits: `[B, ...]`; maps are averaged over their positions.
    """
    return _per_sample(tf.nn.softplus(-tf.cast(fake_logits, tf.float32)))


def cross_entropy_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return -(log D(x) + log(1 - D(G(y)))) (SCGAN, eq. 8 without the triplet).

    D = 0.5 on both gives 2 ln 2 = 1.386294.

    Args:
      real_logits: `[B, ...]`; maps are averaged over their positions.
      fake_logits: same shape.
    """
    real = tf.nn.softplus(-tf.cast(real_logits, tf.float32))
    fake = tf.nn.softplus(tf.cast(fake_logits, tf.float32))
    return _per_sample(real) + _per_sample(fake)


def _per_sample(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))
