"""VGG-19's features in the unit of Torch's, with a stand-in for the network."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.losses import torch_vgg
from tfdeblur.losses.torch_vgg import KERAS_STD, MEAN, STD, build_torch_vgg19


@pytest.fixture
def asked(monkeypatch):
    """What VGG-19 is asked for; it returns Keras' input, [0, 255] less its mean, and the double."""
    received = []

    def build(taps, weights):
        received.append((taps, weights))
        return lambda images: [(images - MEAN) * 255.0 * (tap + 1) for tap in range(len(taps))]

    monkeypatch.setattr(torch_vgg, "build_vgg19", build)
    return received


def test_features_are_weighted_and_in_torchs_unit(asked):
    """An image that is Torch's normalised 1 in each channel has about 1 there."""
    extract = build_torch_vgg19({"block1_pool": 1.0, "block2_pool": 0.25}, "there.h5")
    assert asked == [(("block1_pool", "block2_pool"), "there.h5")]
    image = tf.constant(np.add(MEAN, STD), tf.float32)[None, None, None]
    first, second = extract(image)
    np.testing.assert_allclose(first[0, 0, 0], [1, 1, 1], atol=0.02)
    np.testing.assert_allclose(second, 0.5 * first, rtol=1e-6)
    assert pytest.approx(57.63) == KERAS_STD


def test_images_that_are_not_normalised_go_to_minus_one_and_one(asked):
    extract = build_torch_vgg19({"block1_conv1": 1.0}, normalised=False)
    assert asked[0][1] == "imagenet"
    images = tf.constant([0.0, 0.5, 1.0])[None, :, None, None] * tf.ones((1, 1, 1, 3))
    features = extract(images)[0]
    np.testing.assert_allclose(features[0, :, 0], [[-1] * 3, [0] * 3, [1] * 3], atol=0.02)
