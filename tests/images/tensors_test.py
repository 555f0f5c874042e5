import numpy as np
import tensorflow as tf

from tfdeblur.images import resize
from tfdeblur.images.tensors import to_float, to_uint8


def test_levels_survive_the_round_trip():
    levels = tf.range(256)[None, :, None, None]
    images = tf.cast(levels, tf.uint8)
    floats = to_float(images)
    assert floats.dtype == tf.float32
    assert float(floats[0, 0, 0, 0]) == 0.0
    assert float(floats[0, 255, 0, 0]) == 1.0
    np.testing.assert_array_equal(to_uint8(floats), images)


def test_rounds_half_to_even_and_clips():
    levels = tf.constant([-3, 0, 0.5, 1.5, 2.5, 127.4, 254.6, 255, 300])
    converted = to_uint8(levels / 255.0)
    assert converted.dtype == tf.uint8
    assert converted.numpy().tolist() == [0, 0, 0, 2, 2, 127, 255, 255, 255]


def test_agrees_with_numpy():
    values = np.random.default_rng(0).uniform(-0.2, 1.2, (2, 9, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(to_uint8(values), resize.to_uint8(values))


def test_low_precision_is_rounded_in_float32():
    """200.5 / 255 is 0.785 in bfloat16: 200 levels, not what bfloat16 makes of 200.18."""
    value = tf.cast(tf.constant([200 / 255]), tf.bfloat16)
    expected = round(float(tf.cast(value, tf.float32)[0]) * 255)
    assert int(to_uint8(value)[0]) == expected
