"""Draws that are functions of (seed, step, global sample index), and the layers that use them."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.layers.randomness import StepDropout, StepNoise, draw
from tfdeblur.stack import keras

UNIFORM, NORMAL = tf.random.stateless_uniform, tf.random.stateless_normal


def _step(number: int) -> tf.Tensor:
    return tf.constant([number], tf.int64)


def test_a_draw_depends_on_seed_and_step_alone():
    shape = tf.constant([3, 4, 5])
    first = draw(NORMAL, shape, 1, tf.constant(7))
    tf.random.normal((3,))
    np.testing.assert_array_equal(first, draw(NORMAL, shape, 1, tf.constant(7, tf.int64)))
    for seed, step in ((2, 7), (1, 8), (7, 1)):
        assert not np.allclose(first, draw(NORMAL, shape, seed, tf.constant(step)))


def test_draws_have_their_distribution():
    shape = tf.constant([100, 100])
    normal, uniform = (draw(law, shape, 3, tf.constant(0)).numpy() for law in (NORMAL, UNIFORM))
    assert normal.mean() == pytest.approx(0, abs=0.05)
    assert normal.std() == pytest.approx(1, abs=0.03)
    assert uniform.mean() == pytest.approx(0.5, abs=0.02)
    assert uniform.min() >= 0 and uniform.max() < 1


def test_replicas_draw_their_part_of_the_global_batch():
    """Two replicas of two samples each draw what one replica draws for four."""
    code = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfdeblur.layers.randomness import draw
def run(count):
    return draw(tf.random.stateless_normal, tf.constant([count, 3]), 5, tf.constant(9))
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
parts = strategy.experimental_local_results(strategy.run(tf.function(run), [2]))
assert len(parts) == 2
tf.debugging.assert_equal(tf.concat(parts, 0), run(4))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dropout_zeroes_its_share_and_scales_the_rest():
    layer = StepDropout(0.25, seed=1, name="dropout")
    features = tf.fill((4, 50, 50, 1), 3.0)
    dropped = layer([features, _step(0)]).numpy()
    assert set(np.unique(dropped)) == {0.0, 4.0}
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(dropped, layer([features, _step(0)]))
    assert not np.array_equal(dropped, layer([features, _step(1)]))


def test_dropout_passes_gradients_of_what_it_kept():
    layer = StepDropout(0.5, seed=1, name="dropout")
    features = tf.Variable(tf.ones((1, 8, 8, 2)))
    with tf.GradientTape() as tape:
        dropped = layer([features, _step(3)])
        total = tf.reduce_sum(dropped)
    np.testing.assert_array_equal(tape.gradient(total, features), dropped)


def test_noise_has_its_mean_and_deviation():
    layer = StepNoise(1.0, 0.1, seed=2, name="noise")
    features = tf.fill((4, 50, 50, 1), 3.0)
    for noisy in (layer([features, _step(0)]).numpy(), layer(features).numpy()):
        assert noisy.mean() == pytest.approx(4.0, abs=0.01)
        assert noisy.std() == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(layer([features, _step(0)]), layer([features, _step(0)]))
    assert not np.array_equal(layer(features), layer(features))


def test_dtypes_follow_the_policy():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layers = [StepDropout(0.5, 1, name="dropout"), StepNoise(0.0, 0.1, 2, name="noise")]
        results = [layer([tf.ones((1, 4)), _step(0)]) for layer in layers]
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert [result.dtype for result in results] == [tf.bfloat16] * 2


def test_unkeyed_noise_runs_in_tensorflow_lite():
    layer = StepNoise(0.0, 0.1, seed=2, name="noise")
    converted = Converted(layer, (1, 40, 40, 3), layer.weights)
    results = [converted(np.full((1, 40, 40, 3), 0.5, np.float32)) for _ in range(2)]
    assert not np.array_equal(*results)
    for noisy in results:
        assert noisy.mean() == pytest.approx(0.5, abs=0.01)
        assert noisy.std() == pytest.approx(0.1, rel=0.1)


def test_layers_are_rebuilt_from_their_configs():
    dropout = StepDropout.from_config(StepDropout(0.3, 4, name="dropout").get_config())
    assert (dropout.rate, dropout.seed, dropout.name) == (0.3, 4, "dropout")
    noise = StepNoise.from_config(StepNoise(0.5, 0.2, 6, name="noise").get_config())
    assert (noise.mean, noise.std, noise.seed, noise.name) == (0.5, 0.2, 6, "noise")


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="`rate` must be at least 0 and below 1. Got: 1.0"):
        StepDropout(1.0, 1, name="dropout")
    with pytest.raises(ValueError, match="`std` must be at least 0. Got: -0.1"):
        StepNoise(0.0, -0.1, 1, name="noise")
