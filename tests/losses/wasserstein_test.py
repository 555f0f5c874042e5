"""Wasserstein, least-squares and gradient-penalty losses: goldens by hand, and their gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.layers.instance_norm import instance_normalization
from tfdeblur.losses.adversarial import (
    gradient_penalty,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from tfdeblur.stack import keras


def _maps(*values):
    """One 2x2 map for each sample, from pairs (one half, the other half)."""
    return tf.constant([[[[a], [b]]] * 2 for a, b in values])


def test_wasserstein_by_hand():
    real, fake = tf.constant([[2.0], [1.0]]), tf.constant([[0.5], [4.0]])
    np.testing.assert_allclose(wasserstein_critic_loss(real, fake), [-1.5, 3.0])
    np.testing.assert_allclose(wasserstein_generator_loss(fake), [-0.5, -4.0])


def test_least_squares_by_hand():
    half = tf.fill((2, 1), 0.5)
    np.testing.assert_allclose(least_squares_generator_loss(half), [0.25, 0.25])
    np.testing.assert_allclose(least_squares_discriminator_loss(half, half), [0.5, 0.5])
    one, zero = tf.ones((1, 1)), tf.zeros((1, 1))
    np.testing.assert_allclose(least_squares_discriminator_loss(one, zero), [0.0])
    np.testing.assert_allclose(least_squares_discriminator_loss(zero, one), [2.0])


def test_maps_are_averaged_for_each_sample():
    """Scores are averaged, squares are averaged: 0 and 1 have 0.5 and, from 1, (1 + 0) / 2."""
    maps = _maps((0.0, 1.0), (2.0, 4.0))
    np.testing.assert_allclose(wasserstein_generator_loss(maps), [-0.5, -3.0])
    np.testing.assert_allclose(wasserstein_critic_loss(maps, 2 * maps), [0.5, 3.0])
    np.testing.assert_allclose(least_squares_generator_loss(maps), [0.5, 5.0])
    np.testing.assert_allclose(least_squares_discriminator_loss(maps, maps), [1.0, 15.0])


def test_half_precision_is_lifted():
    scores = tf.constant([[3.0]], tf.bfloat16)
    for loss in (wasserstein_generator_loss(scores), least_squares_generator_loss(scores)):
        assert loss.dtype == tf.float32


@pytest.mark.parametrize("factor, penalty", [(1.0, 1.0), (0.5, 0.0), (0.0, 1.0), (-1.5, 4.0)])
def test_penalty_of_a_critic_that_sums(factor, penalty):
    """Four pixels times c: the norm is 2 |c|. A constant critic has the norm 0."""
    images = tf.random.stateless_uniform((3, 2, 2, 1), seed=(0, 1))
    penalties = gradient_penalty(
        lambda z: factor * tf.reduce_sum(z, axis=(1, 2, 3)), images, -images, tf.fill((3,), 0.3)
    )
    np.testing.assert_allclose(penalties, [penalty] * 3, atol=1e-5)


def test_penalty_runs_over_pixels_and_channels_where_each_sample_was_mixed():
    """D(z) = ||z||^2 / 2 has the norm ||z||. Twelve values of 1 (real) or 0 (fake), mixed."""
    real, fake = tf.ones((3, 2, 2, 3)), tf.zeros((3, 2, 2, 3))
    share = np.array([0.0, 0.5, 1.0], np.float32)
    penalties = gradient_penalty(
        lambda z: tf.reduce_sum(tf.square(z), axis=(1, 2, 3)) / 2, real, fake, tf.constant(share)
    )
    np.testing.assert_allclose(penalties, (share * np.sqrt(12) - 1) ** 2, rtol=1e-5)


def test_penalty_averages_a_map_first():
    """Each of a map's four scores is its pixel: the mean's gradient is 1/4 four times, 0.5 long."""
    images = tf.random.stateless_uniform((2, 2, 2, 1), seed=(0, 2))
    penalties = gradient_penalty(lambda z: z, images, images, tf.zeros(2))
    np.testing.assert_allclose(penalties, [0.25, 0.25], rtol=1e-5)


def test_constant_critic_has_a_finite_gradient():
    weight = tf.Variable(0.0)
    images = tf.ones((2, 2, 2, 1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(gradient_penalty(lambda z: weight * z, images, images, tf.ones(2)))
    assert np.isfinite(tape.gradient(loss, weight))
    no_input = gradient_penalty(lambda z: tf.ones((2, 1)), images, images, tf.ones(2))
    np.testing.assert_allclose(no_input, [1.0, 1.0], atol=1e-5)


def test_second_order_gradient_by_hand():
    """D(z) = w z: (||w|| - 1)^2 has the gradient 2 (||w|| - 1) w / ||w||; (3, 4): 8 (0.6, 0.8)."""
    weights = tf.Variable([3.0, 4.0])
    images = tf.ones((1, 1, 1, 2))
    with tf.GradientTape() as tape:
        loss = gradient_penalty(lambda z: z @ weights[:, None], images, images, tf.zeros(1))
    np.testing.assert_allclose(loss, [16.0], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, weights), [4.8, 6.4], rtol=1e-5)


def _critic(policy):
    """Every kind of layer that a critic has, with the same weights under every policy."""
    keras.mixed_precision.set_global_policy(policy)
    try:
        image = x = keras.Input((None, None, 3), dtype="float32")
        for number in (1, 2):
            x = keras.layers.Conv2D(8, 4, 2, "same")(x)
            x = keras.layers.LeakyReLU(0.2)(instance_normalization(f"norm{number}")(x))
        critic = keras.Model(image, keras.layers.Conv2D(1, 3, dtype="float32")(x))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    rng = np.random.default_rng(0)
    for weight in critic.trainable_variables:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    return critic


def _penalty_and_gradients(policy):
    critic = _critic(policy)
    real, fake = (tf.random.stateless_normal((2, 17, 20, 3), seed=(1, k)) for k in (0, 1))
    with tf.GradientTape() as tape:
        penalties = gradient_penalty(critic, real, fake, tf.constant([0.2, 0.7]))
    kernels = [weight for weight in critic.trainable_variables if "bias" not in weight.name]
    return penalties.numpy(), [gradient.numpy() for gradient in tape.gradient(penalties, kernels)]


def test_second_order_gradients_through_a_critic_equal_differences():
    """Along the gradient, whose length it then is; LeakyReLUs bend on the way."""
    critic = _critic("float32")
    kernel = critic.trainable_variables[0]
    images = tf.random.stateless_normal((1, 16, 16, 3), seed=(2, 0))

    def penalty():
        return gradient_penalty(critic, images, images, tf.zeros(1))

    with tf.GradientTape() as tape:
        value = penalty()
    gradient = tape.gradient(value, kernel).numpy()
    length, start, step = np.linalg.norm(gradient), kernel.numpy(), 1e-3
    kernel.assign(start + step * gradient / length)
    above = penalty()
    kernel.assign(start - step * gradient / length)
    assert float((above - penalty())[0]) / (2 * step) == pytest.approx(length, rel=0.02)


@pytest.mark.parametrize("policy, tolerance", [("mixed_bfloat16", 0.25), ("mixed_float16", 0.02)])
def test_second_order_gradients_under_mixed_precision(policy, tolerance):
    """Close to those of float32, relative to the largest of each weight."""
    exact, exact_gradients = _penalty_and_gradients("float32")
    penalties, gradients = _penalty_and_gradients(policy)
    np.testing.assert_allclose(penalties, exact, rtol=tolerance)
    for gradient, truth in zip(gradients, exact_gradients, strict=True):
        np.testing.assert_allclose(gradient, truth, atol=tolerance * np.abs(truth).max())


def test_penalty_of_a_sample_does_not_depend_on_its_batch():
    critic = _critic("float32")
    real, fake = (tf.random.stateless_normal((3, 16, 16, 3), seed=(4, k)) for k in (0, 1))
    share = tf.constant([0.1, 0.5, 0.9])
    together = gradient_penalty(critic, real, fake, share)
    alone = [
        gradient_penalty(critic, real[k : k + 1], fake[k : k + 1], share[k : k + 1])[0]
        for k in range(3)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-4)
