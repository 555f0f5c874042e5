"""Adversarial losses on a discriminator's output. Each returns one value per sample, `[B]`.

Cross-entropy takes logits, with D = sigmoid(logits): -log D(x) = softplus(-logits) and
-log(1 - D(x)) = softplus(logits). Least squares and Wasserstein take the raw output; a Wasserstein
critic's is an unbounded score. Maps are averaged over their positions; float32.
"""

from collections.abc import Callable

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


def least_squares_generator_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """Return (D(G(y)) - 1)^2 (Mao et al., "Least Squares GANs", ICCV 2017; as in Yun et al. 2020).

    D(G(y)) = 0.5 gives 0.25.

    Args:
      fake_scores: `[B, ...]`; the squares of a map are averaged over its positions.
    """
    return _per_sample(tf.square(tf.cast(fake_scores, tf.float32) - 1.0))


def least_squares_discriminator_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """Return (D(x) - 1)^2 + D(G(y))^2 (Mao et al. 2017; Yun et al. 2020, eqs. 2 and 3).

    D = 0.5 on both gives 0.5.

    Args:
      real_scores: `[B, ...]`; the squares of a map are averaged over its positions.
      fake_scores: same shape.
    """
    real = tf.square(tf.cast(real_scores, tf.float32) - 1.0)
    fake = tf.square(tf.cast(fake_scores, tf.float32))
    return _per_sample(real) + _per_sample(fake)


def wasserstein_generator_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """Return -D(G(y)) (Arjovsky et al. 2017; Qi et al. 2020, eq. 5).

    Args:
      fake_scores: `[B, ...]`; maps are averaged over their positions.
    """
    return -_per_sample(tf.cast(fake_scores, tf.float32))


def wasserstein_critic_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """Return D(G(y)) - D(x) (Arjovsky et al. 2017; Qi et al. 2020, eq. 5 without the penalty).

    D(x) = 2 and D(G(y)) = 0.5 give -1.5.

    Args:
      real_scores: `[B, ...]`; maps are averaged over their positions.
      fake_scores: same shape.
    """
    real, fake = tf.cast(real_scores, tf.float32), tf.cast(fake_scores, tf.float32)
    return _per_sample(fake) - _per_sample(real)


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, fake: tf.Tensor, share: tf.Tensor
) -> tf.Tensor:
    """Return (||d D(z) / d z||_2 - 1)^2 at z = share x + (1 - share) G(y) (Qi et al. 2020, eq. 5).

    After Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017: the norm is taken
    over all pixels and channels of a sample. A critic that sums n values has the norm sqrt(n): four
    give 1; a constant critic gives 1.

    Args:
      critic: images -> scores `[B, ...]`; a map is averaged over its positions before it is
        differentiated. A sample's scores must not depend on other samples.
      real: x, `[B, ...]` float32.
      fake: G(y), same shape.
      share: of the real image, `[B]` in [0, 1], one per sample.
    """
    share = tf.reshape(share, [-1] + [1] * (real.shape.rank - 1))
    between = share * real + (1.0 - share) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = tf.cast(critic(between), tf.float32)
    # Differentiate the sum and divide afterwards: the mean's gradient would underflow in float16.
    gradient = tape.gradient(scores, between, unconnected_gradients="zero")
    positions = tf.cast(tf.size(scores) / tf.shape(scores)[0], tf.float32)
    squares = tf.reduce_sum(tf.square(gradient / positions), axis=list(range(1, real.shape.rank)))
    # The norm has no derivative at 0; keep a constant critic's finite.
    return tf.square(tf.sqrt(squares + 1e-12) - 1.0)


def _per_sample(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))
