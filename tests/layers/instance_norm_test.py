"""Instance normalisation: each sample's own moments, in float32; the same in TensorFlow Lite."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.layers.instance_norm import instance_normalization
from tfdeblur.stack import keras


@pytest.fixture(params=["float32", "mixed_bfloat16", "mixed_float16"])
def policy(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")


def test_by_hand():
    """1, 3, 5, 7 have the mean 4 and the variance 5; a constant channel becomes beta."""
    norm = instance_normalization("norm")
    images = np.stack([[1.0, 3.0, 5.0, 7.0], [9.0] * 4], axis=-1).reshape(1, 2, 2, 2)
    norm.build(images.shape)
    norm.gamma.assign([2.0, 2.0])
    norm.beta.assign([0.5, -0.5])
    normalised = norm(images.astype(np.float32)).numpy().reshape(4, 2)
    expected = 2.0 * np.array([-3.0, -1.0, 1.0, 3.0]) / np.sqrt(5.0 + 1e-5) + 0.5
    np.testing.assert_allclose(normalised[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(normalised[:, 1], -0.5)


def test_moments_of_a_large_image_under_every_policy(policy):
    """Each sample's and channel's own: mean 0 and variance 1 to 1 % at 320x320, float32."""
    images = np.random.default_rng(0).normal(size=(2, 320, 320, 3)).astype(np.float32)
    images = images * [0.5, 2.0, 10.0] + [3.0, -1.0, 40.0]
    images[1] *= 2.0
    normalised = instance_normalization("norm")(tf.cast(images, policy.compute_dtype))
    assert normalised.dtype == tf.float32
    np.testing.assert_allclose(normalised.numpy().mean(axis=(1, 2)), np.zeros((2, 3)), atol=0.01)
    np.testing.assert_allclose(normalised.numpy().var(axis=(1, 2)), np.ones((2, 3)), rtol=0.01)


def test_weights_are_float32_and_a_convolution_follows(policy):
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3)(images)
    norm = instance_normalization("norm")
    x = norm(x)
    convolution = keras.layers.Conv2D(2, 3)
    x = convolution(x)
    assert [weight.dtype for weight in norm.weights] == [tf.float32] * 2
    assert x.dtype == policy.compute_dtype == convolution.compute_dtype


def test_a_sample_does_not_depend_on_its_batch():
    images = np.random.default_rng(1).normal(size=(3, 5, 7, 2)).astype(np.float32)
    norm = instance_normalization("norm")
    alone = [norm(images[index : index + 1]).numpy()[0] for index in range(3)]
    np.testing.assert_array_equal(norm(images), alone)
    np.testing.assert_array_equal(norm(images, training=True), norm(images, training=False))


def test_tensorflow_lite_takes_any_batch_and_size():
    norm = instance_normalization("norm")
    norm.build((None, None, None, 3))
    norm.gamma.assign([0.5, 1.0, 2.0])
    norm.beta.assign([0.1, 0.2, -0.3])
    converted = Converted(norm, (None, None, None, 3), norm.weights)
    for shape in ((1, 9, 13, 3), (2, 4, 5, 3)):
        images = np.random.default_rng(2).uniform(size=shape).astype(np.float32)
        np.testing.assert_allclose(converted(images), norm(images), atol=1e-5)


def test_second_derivatives_are_exact():
    """Against central differences, in the direction of a random vector; biases have none."""
    keras.utils.set_random_seed(3)
    convolution = keras.layers.Conv2D(4, 3, bias_initializer="ones")
    norm = instance_normalization("norm")
    images = tf.random.stateless_normal((2, 6, 7, 3), (1, 2))
    weights = tf.random.stateless_normal((2, 4, 5, 4), (3, 4))
    direction = tf.random.stateless_normal((3, 3, 3, 4), (5, 6))

    def penalty():
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reduce_sum(weights * norm(convolution(images)) ** 2)
        return tf.reduce_sum(tape.gradient(score, images) ** 2)

    with tf.GradientTape() as tape:
        value = penalty()
    kernel, bias = tape.gradient(value, [convolution.kernel, convolution.bias])
    start, step = tf.constant(convolution.kernel), 1e-3
    ends = []
    for sign in (1, -1):
        convolution.kernel.assign(start + sign * step * direction)
        ends.append(float(penalty()))
    slope = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(float(tf.reduce_sum(kernel * direction)), slope, rtol=5e-3)
    np.testing.assert_allclose(bias, np.zeros(4), atol=1e-5 * float(tf.reduce_max(tf.abs(kernel))))
