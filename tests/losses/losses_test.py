"""Goldens of every loss, derived by hand in the loss's docstring."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.losses.adversarial import (
    cross_entropy_discriminator_loss,
    nonsaturating_generator_loss,
)
from tfdeblur.losses.features import feature_matching, triplet
from tfdeblur.losses.pixel import squared_error


def test_squared_error_is_per_sample():
    target = tf.zeros((2, 4, 6, 3))
    restored = tf.stack([tf.fill((4, 6, 3), 0.1), tf.fill((4, 6, 3), 0.2)])
    np.testing.assert_allclose(squared_error(target, restored), [0.01, 0.04], rtol=1e-6)
    np.testing.assert_allclose(squared_error(target, restored, "sum"), [0.72, 2.88], rtol=1e-6)


def test_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        squared_error(tf.zeros((1, 2)), tf.zeros((1, 2)), "max")


@pytest.mark.parametrize("shape", [(3, 1), (3, 4, 4, 1)])
def test_adversarial_losses_at_one_half(shape):
    zeros = tf.zeros(shape)
    np.testing.assert_allclose(nonsaturating_generator_loss(zeros), [math.log(2)] * 3, rtol=1e-6)
    np.testing.assert_allclose(
        cross_entropy_discriminator_loss(zeros, zeros), [1.386294] * 3, rtol=1e-6
    )


def test_adversarial_losses_stay_finite_and_signed():
    real, fake = tf.constant([[1000.0]]), tf.constant([[-1000.0]])
    np.testing.assert_allclose(cross_entropy_discriminator_loss(real, fake), [0.0], atol=1e-6)
    np.testing.assert_allclose(nonsaturating_generator_loss(fake), [1000.0])


def test_triplet_is_the_margin_for_equal_features():
    features = tf.random.stateless_normal((2, 4, 4, 8), seed=(0, 1))
    np.testing.assert_allclose(triplet(features, features, features, 1.0), [1.0, 1.0])


def test_triplet_hinge_is_per_sample():
    anchor = tf.zeros((2, 4))
    positive = tf.ones((2, 4))  # Mean squared distance 1.
    negative = tf.constant([[2.0] * 4, [1.2] * 4])  # 4 and 1.44.
    np.testing.assert_allclose(triplet(anchor, positive, negative, 1.0), [0.0, 0.56], rtol=1e-6)


def test_feature_matching_lifts_half_precision():
    real = tf.cast(tf.fill((1, 8, 8, 4), 3.0), tf.bfloat16)
    fake = tf.cast(tf.fill((1, 8, 8, 4), 1.0), tf.bfloat16)
    loss = feature_matching(real, fake)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, [4.0])
