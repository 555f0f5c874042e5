"""The train step and its contract."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.models.base import RestorationModel, Term, objective


def test_objective_is_the_weighted_sum_of_means():
    terms = {
        "first": Term(2.0, tf.constant([1.0, 3.0])),
        "second": Term(0.5, tf.constant([4.0, 0.0])),
    }
    assert float(objective(terms)) == 2.0 * 2.0 + 0.5 * 2.0


def test_objective_needs_a_term():
    with pytest.raises(ValueError, match="at least one term"):
        objective({})


def test_model_without_objective_says_what_is_missing():
    generator = keras.Sequential([keras.layers.Conv2D(3, 1)], name="generator")
    with pytest.raises(NotImplementedError, match="must override `generator_terms`"):
        RestorationModel(generator).generator_terms({}, tf.zeros(1))


def test_compile_wants_an_optimizer_for_every_discriminator():
    class Toy(RestorationModel):
        pass

    generator = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1)], "generator"
    )
    critic = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()], "critic")
    model = Toy(generator, {"critic": critic})
    with pytest.raises(ValueError, match=r"must name every discriminator \['critic'\]"):
        model.compile(keras.optimizers.Adam())


def test_both_optimizers_scale_their_loss_under_float16():
    from tfdeblur.models.scgan import SCGANConfig

    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = SCGANConfig(width=4).build()
        model.compile(keras.optimizers.Adam(), {"discriminator": keras.optimizers.Adam()})
        scaled = keras.mixed_precision.LossScaleOptimizer
        assert isinstance(model.generator_optimizer, scaled)
        assert isinstance(model.discriminator_optimizers["discriminator"], scaled)
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_norm_statistics_are_float32_under_mixed_precision(policy):
    """At 320 x 320 the statistics of a batch norm are right to 1 %, and the output is float32."""
    from tfdeblur.models.scgan import SCGANConfig

    keras.mixed_precision.set_global_policy(policy)
    try:
        norm = SCGANConfig(width=4).build_generator().get_layer("norm1")
        norm.moving_mean.assign(tf.zeros(4))
        norm.moving_variance.assign(tf.zeros(4))
        values = 3.0 + 0.5 * tf.random.stateless_normal((1, 320, 320, 4), seed=(1, 1))
        values = tf.cast(values, norm.compute_dtype)
        norm(values, training=True)
        truth = tf.cast(values, tf.float32)
        mean = tf.reduce_mean(truth, axis=(0, 1, 2))
        deviation = tf.math.reduce_std(truth, axis=(0, 1, 2))
        np.testing.assert_allclose(norm.moving_mean * 100, mean, rtol=0.01)
        np.testing.assert_allclose(np.sqrt(norm.moving_variance * 100), deviation, rtol=0.01)
        restored = SCGANConfig(width=4).build_generator()(tf.zeros((1, 8, 8, 3)))
        assert restored.dtype == tf.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")
