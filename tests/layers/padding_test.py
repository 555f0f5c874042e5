"""Padding by reflection and its undoing: any size, any policy, also in TensorFlow Lite."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.layers.padding import CropToImages, PadToMultiple
from tfdeblur.stack import keras

SIZES = [(1, 1), (1, 4), (2, 3), (3, 5), (4, 8), (5, 1), (7, 9), (13, 6)]


def _images(height, width, channels=3, count=2):
    images = np.random.default_rng(0).uniform(size=(count, height, width, channels))
    return tf.constant(images, tf.float32)


def _padded(images, multiple):
    """The same by NumPy, which also reflects more than once, and repeats a single pixel."""
    missing = [-side % multiple for side in images.shape[1:3]]
    return np.pad(images, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")


def test_by_hand():
    row = tf.reshape(tf.range(5.0), (1, 1, 5, 1))
    padded = PadToMultiple(4, name="pad")(row)
    assert padded.shape == (1, 4, 8, 1)
    np.testing.assert_array_equal(padded[0, :, :, 0], [[0, 1, 2, 3, 4, 3, 2, 1]] * 4)


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("multiple", [1, 4, 7])
def test_equals_numpy_and_crops_back(height, width, multiple):
    images = _images(height, width)
    padded = PadToMultiple(multiple, name="pad")(images)
    np.testing.assert_array_equal(padded, _padded(images, multiple))
    np.testing.assert_array_equal(CropToImages(name="crop")((padded, images)), images)


def test_crop_follows_the_scale():
    images = _images(3, 5, count=1)
    output = _images(16, 32, channels=2, count=1)
    cropped = CropToImages(4, name="crop")((output, images))
    np.testing.assert_array_equal(cropped, output[:, :12, :20])


def test_known_sizes_stay_known():
    images = keras.Input((150, 151, 3))
    padded = PadToMultiple(4, name="pad")(images)
    assert padded.shape[1:] == (152, 152, 3)
    assert CropToImages(name="crop")((padded, images)).shape[1:] == (150, 151, 3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_rounds_nothing(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        images = _images(5, 6)
        padded = PadToMultiple(4, name="pad")(images)
        cropped = CropToImages(name="crop")((padded, images))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert cropped.dtype == tf.float32
    np.testing.assert_array_equal(cropped, images)


def test_gradient_counts_how_often_a_pixel_is_shown():
    images = tf.zeros((1, 1, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        shown = tf.reduce_sum(PadToMultiple(5, name="pad")(images)[:, :1])
    np.testing.assert_array_equal(tf.reshape(tape.gradient(shown, images), [-1]), [2, 2, 1])


def test_tensorflow_lite_takes_any_size():
    pad, crop = PadToMultiple(4, name="pad"), CropToImages(name="crop")
    padded = Converted(pad, (1, None, None, 3))
    cropped = Converted(lambda images: crop((pad(images), images)), (1, None, None, 3))
    for height, width in SIZES:
        images = _images(height, width, count=1)
        np.testing.assert_array_equal(padded(images), _padded(images, 4))
        np.testing.assert_array_equal(cropped(images), images)


def test_layers_can_be_made_again():
    for layer in (PadToMultiple(8, name="pad"), CropToImages(4, name="crop")):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`multiple` must be at least 1. Got: 0."):
        PadToMultiple(0, name="pad")
    with pytest.raises(ValueError, match="`scale` must be at least 1. Got: 0."):
        CropToImages(0, name="crop")
