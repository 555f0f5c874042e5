"""The bicubic layer against `tfdeblur.images.resize`, which has its own tests by hand."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.images.resize import upscale
from tfdeblur.layers.bicubic import BicubicUpscale
from tfdeblur.stack import keras


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("size", [(7, 13), (1, 9), (2, 1), (3, 2), (32, 32)])
def test_equals_the_image_library_borders_included(scale, size):
    images = np.random.default_rng(scale).random((2, *size, 3), np.float32)
    enlarged = BicubicUpscale(scale)(images).numpy()
    expected = [upscale(image, scale) for image in images]
    np.testing.assert_allclose(enlarged, expected, rtol=0, atol=2e-6)


def test_an_impulse_by_hand():
    """Doubled: the cubic at 1/4, 3/4, 5/4 and 7/4 px, in units of 1/256."""
    line = np.zeros((1, 1, 6, 1), np.float32)
    line[0, 0, 3] = 1
    enlarged = BicubicUpscale(2)(line).numpy()[0, :, :, 0] * 256
    weights = [-6, -18, 58, 222]
    np.testing.assert_allclose(enlarged, [[0, 0, 0, *weights, *weights[::-1], 0]] * 2, atol=1e-4)


def test_channels_do_not_mix():
    images = np.random.default_rng(0).random((1, 5, 4, 4), np.float32)
    whole = BicubicUpscale(4)(images).numpy()
    for channel in range(4):
        alone = BicubicUpscale(4)(images[..., channel : channel + 1])
        np.testing.assert_allclose(whole[..., channel : channel + 1], alone, atol=1e-6)


def test_has_no_weights_and_is_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = BicubicUpscale(4)
        images = np.random.default_rng(1).random((1, 5, 6, 3), np.float32)
        enlarged = layer(tf.cast(images, tf.bfloat16))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert layer.weights == []
    assert enlarged.dtype == tf.float32
    expected = upscale(tf.cast(tf.cast(images, tf.bfloat16), tf.float32)[0].numpy(), 4)
    np.testing.assert_allclose(enlarged[0], expected, atol=2e-6)


def test_gradients_are_the_transposed_weights():
    """A constant stays constant, so each source pixel gives `scale`^2 in all."""
    images = tf.Variable(np.random.default_rng(2).random((1, 3, 4, 1), np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(BicubicUpscale(4)(images))
    assert float(tf.reduce_sum(tape.gradient(total, images))) == pytest.approx(16 * 12, rel=1e-5)


@pytest.mark.parametrize("scale", [4, 8])
def test_converts_to_tensorflow_lite_at_any_size(scale):
    converted = Converted(BicubicUpscale(scale), (1, None, None, 3))
    for height, width in ((7, 13), (1, 1), (5, 2)):
        image = np.random.default_rng(height).random((1, height, width, 3), np.float32)
        np.testing.assert_allclose(converted(image)[0], upscale(image[0], scale), atol=1e-5)


def test_is_rebuilt_from_its_config():
    layer = BicubicUpscale(8, name="enlarge")
    again = BicubicUpscale.from_config(layer.get_config())
    assert (again.name, again.scale) == ("enlarge", 8)


def test_scale_is_checked():
    with pytest.raises(ValueError, match="`scale` must be at least 1. Got: 0."):
        BicubicUpscale(0)
