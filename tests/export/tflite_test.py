"""Tests of tfdeblur.export.tflite, through LiteRT."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tfdeblur.export import tflite
from tfdeblur.images import tensors
from tfdeblur.stack import keras

SIZES = [(16, 16), (1, 1), (7, 23), (1, 9), (40, 11)]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (1, height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def small(make_small):
    """A small generator and its file."""
    model_config, generator = make_small()
    return generator, tflite.convert(generator, model_config)


@pytest.fixture
def bicubic_config(small_config):
    """A generator that ends in an operator which LiteRT does not have."""

    class Bicubic(keras.layers.Layer):
        def call(self, images):
            return tf.image.resize(images, 4 * tf.shape(images)[1:3], "bicubic")

    class Config(type(small_config)):
        def build_generator(self):
            inputs = keras.Input((None, None, 3))
            return keras.Model(inputs, Bicubic()(keras.layers.Conv2D(3, 1)(inputs)))

    return Config()


def test_one_interpreter_follows_the_size_of_each_input(small):
    generator, content = small
    runner = Interpreter(model_content=content).get_signature_runner("serving_default")
    for height, width in SIZES:
        images = noise(height, width)
        restored = runner(images=images)["restored"]
        assert restored.dtype == np.uint8
        assert restored.shape == (1, 4 * height, 4 * width, 3)
        expected = tensors.to_uint8(generator(tensors.to_float(images), training=False)).numpy()
        assert np.abs(restored.astype(int) - expected).max() <= 1


def test_padding_is_part_of_the_file(make_small):
    model_config, generator = make_small(scale=1, size_multiple=4, minimum_size=8)
    content = tflite.convert(generator, model_config)
    assert tflite.list_operators(content)[1] == []
    runner = Interpreter(model_content=content).get_signature_runner("serving_default")
    for height, width in SIZES:
        images = noise(height, width)
        legal = [-(-max(side, 8) // 4) * 4 for side in (height, width)]
        extra = ((0, 0), (0, legal[0] - height), (0, legal[1] - width), (0, 0))
        padded = np.pad(images, extra, mode="symmetric")
        expected = tensors.to_uint8(generator(tensors.to_float(padded), training=False)).numpy()
        restored = runner(images=images)["restored"]
        assert restored.shape == images.shape
        assert np.abs(restored.astype(int) - expected[:, :height, :width]).max() <= 1


def test_signature_and_open_sizes_are_declared(small):
    interpreter = Interpreter(model_content=small[1])
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["images"], "outputs": ["restored"]}
    }
    details = interpreter.get_input_details()[0]
    assert details["dtype"] == np.uint8
    assert details["shape_signature"].tolist() == [1, -1, -1, 3]


def test_weights_are_stored_in_two_bytes(make_small):
    model_config, generator = make_small(width=32)
    content = tflite.convert(generator, model_config)
    assert generator.count_params() == 42979  # 6*6*32*(3+32) + 2*4*32 + 5*5*32*3 + 3
    assert 2 * 42000 < len(content) < 3 * 42000


def test_operators_are_listed(small, bicubic_config):
    builtin, other = tflite.list_operators(small[1])
    assert {"TRANSPOSE_CONV", "CONV_2D", "TANH", "ROUND", "CAST"} <= set(builtin)
    assert other == []
    foreign = tflite.convert(bicubic_config.build_generator(), bicubic_config)
    assert tflite.list_operators(foreign)[1] == ["FlexResizeBicubic"]
