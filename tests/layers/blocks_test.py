"""Blocks of convolutions: what they compute, and their weights."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.layers.blocks import (
    convolution_group,
    recurrent_convolution,
    residual_dense_blocks,
    scaled_sum,
)
from tfdeblur.stack import keras


def _images(channels, count=2):
    return tf.random.stateless_normal((count, 5, 7, channels), seed=(0, channels))


def _model(connect, channels):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, channels))
    return keras.Model(image, connect(image))


def test_group_is_convolution_norm_and_relu():
    model = _model(lambda x: convolution_group(x, 6, 3, strides=2, name="down"), 4)
    names = [layer.name for layer in model.layers[1:]]
    assert names == ["down_group", "down_norm", "down_relu"]
    output = model(_images(4))
    assert output.shape == (2, 3, 4, 6)
    normalised = keras.Model(model.input, model.get_layer("down_norm").output)(_images(4))
    np.testing.assert_allclose(tf.reduce_mean(normalised, axis=(1, 2)), np.zeros((2, 6)), atol=1e-5)
    np.testing.assert_array_equal(output, tf.nn.relu(normalised))


@pytest.mark.parametrize("recycles", [0, 1, 2])
def test_recurrent_convolution_feeds_its_output_back(recycles):
    """f is the model without recycles: h = f(x), then f(x + h), with the same weights."""
    f = _model(lambda x: recurrent_convolution(x, 0, name="f"), 4)
    model = _model(lambda x: recurrent_convolution(x, recycles, name="f"), 4)
    assert model.count_params() == f.count_params() == 9 * 4 * 4 + 4 + 2 * 4
    model.set_weights(f.get_weights())
    images = _images(4)
    state = f(images)
    for _ in range(recycles):
        state = f(images + state)
    np.testing.assert_allclose(model(images), state, atol=1e-5)


@pytest.mark.parametrize("channels, count", [(32, 93_504), (64, 231_840)])
def test_residual_dense_blocks_have_esrgans_weights(channels, count):
    model = _model(lambda x: residual_dense_blocks(x, 8, 0.2, name="rrdb"), channels)
    assert model.count_params() == count


def test_residual_dense_blocks_scale_what_they_add():
    """The last convolutions zero but for a bias of 1: a dense block adds s, three add 3 s, so the
    whole adds s (x + 3 s), s = 0.2."""
    model = _model(lambda x: residual_dense_blocks(x, 3, 0.2, name="rrdb"), 4)
    for number in (1, 2, 3):
        kernel, bias = model.get_layer(f"rrdb_dense{number}_conv5").weights
        assert kernel.shape == (3, 3, 4 + 4 * 3, 4)
        kernel.assign(tf.zeros_like(kernel))
        bias.assign(tf.ones_like(bias))
    images = _images(4)
    np.testing.assert_allclose(model(images), images + 0.2 * (images + 0.6), rtol=1e-5, atol=1e-6)


def test_a_dense_block_sees_all_before():
    """With all kernels zero but the last's, each feature is its LeakyReLU of a bias."""
    model = _model(lambda x: residual_dense_blocks(x, 1, 0.5, name="rrdb"), 1)
    for layer in model.layers:
        if "conv" in layer.name:
            layer.kernel.assign(tf.zeros_like(layer.kernel))
    for number, bias in enumerate((1.0, 10.0, -100.0, 1000.0), 1):
        model.get_layer(f"rrdb_dense1_conv{number}").bias.assign([bias])
    last = model.get_layer("rrdb_dense1_conv5")
    last.kernel.assign(tf.pad(tf.ones((1, 1, 5, 1)), [[1, 1], [1, 1], [0, 0], [0, 0]]))
    first = keras.Model(model.input, model.get_layer("rrdb_dense1_sum").output)
    expected = 2.0 + 0.5 * (2.0 + 1.0 + 10.0 - 20.0 + 1000.0)
    np.testing.assert_allclose(first(tf.fill((1, 3, 3, 1), 2.0)), np.full((1, 3, 3, 1), expected))


def test_scaled_sum_by_hand():
    model = _model(lambda x: scaled_sum(x, x, 0.25, name="sum"), 1)
    np.testing.assert_allclose(model(tf.fill((1, 1, 1, 1), 8.0)), [[[[10.0]]]])
