"""What networks ask of their input."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.layers.inputs import FixedSize, Greyscale
from tfdeblur.stack import keras


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fixed_size_passes_its_size_unchanged(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        layer = FixedSize(3, name="size")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    images = np.random.default_rng(0).random((2, 3, 3, 5), np.float32)
    passed = layer(images)
    assert passed.dtype == tf.float32
    np.testing.assert_array_equal(passed, images)


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (1, 1), (6, 6)])
def test_fixed_size_refuses_others(size):
    layer = FixedSize(3, name="size")
    height, width = size
    with pytest.raises(ValueError, match=f"must be 3x3 px for this network. Got: {height}x{width}"):
        layer(tf.zeros((1, *size, 3)))
    run = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 3])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        run(tf.zeros((1, *size, 3)))
    assert run(tf.zeros((1, 3, 3, 3))).shape == (1, 3, 3, 3)


def test_fixed_size_is_known_to_the_layers_behind_it():
    images = keras.Input((None, None, 3))
    assert FixedSize(8, name="size")(images).shape == (None, 8, 8, 3)


def test_fixed_size_vanishes_in_a_tensorflow_lite_file():
    layer = FixedSize(3, name="size")
    converted = Converted(lambda images: 2.0 * layer(images), (1, 3, 3, 2))
    image = np.random.default_rng(1).random((1, 3, 3, 2), np.float32)
    np.testing.assert_array_equal(converted(image), 2 * image)


def test_luma_of_primaries_and_of_grey():
    colours = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.3, 0.3, 0.3]], np.float32)
    grey = Greyscale(name="luma")(colours[None, None])[0, 0]
    expected = np.repeat([[0.299], [0.587], [0.114], [0.3]], 3, axis=1)
    np.testing.assert_allclose(grey, expected, atol=1e-6)


def test_luma_is_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        grey = Greyscale(name="luma")(np.full((1, 2, 3, 3), 0.3, np.float32))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_allclose(grey, np.full((1, 2, 3, 3), 0.3), atol=1e-6)


def test_layers_are_rebuilt_from_their_configs():
    assert FixedSize.from_config(FixedSize(7, name="size").get_config()).side == 7
    assert Greyscale.from_config(Greyscale(name="luma").get_config()).name == "luma"


def test_side_is_checked():
    with pytest.raises(ValueError, match="`side` must be at least 1. Got: 0"):
        FixedSize(0, name="size")
