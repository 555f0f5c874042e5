"""VGG-19: its network against Keras' own, its weights' files, good and bad, and the distance."""

import hashlib

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.losses import perceptual
from tfdeblur.losses.perceptual import PerceptualError, build_vgg19, perceptual_distance
from tfdeblur.stack import keras

TAP = "block1_conv1"
SHAPES = ((3, 3, 3, 64), (64,))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' cache in a folder of the test's."""
    folder = tmp_path / ".keras"
    folder.mkdir()  # Keras would take another where it cannot write.
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder / "models"


def _write(path, shapes=SHAPES, layer=TAP):
    """Write the first layer alone, with the names that Keras' release has."""
    names = [f"{layer}_W_1:0", f"{layer}_b_1:0"]
    values = [np.random.default_rng(0).normal(size=shape).astype("float32") for shape in shapes]
    with h5py.File(path, "w") as file:
        group = file.create_group(layer)
        group.attrs["weight_names"] = [name.encode() for name in names[: len(shapes)]]
        for name, value in zip(names, values, strict=False):
            group[name] = value
    return values


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "first_layer.h5"
    _write(path)
    return path


def test_equals_keras(tmp_path):
    """The whole of it, in the weights format that Keras writes, with its preprocessing."""
    keras.utils.set_random_seed(0)
    theirs = keras.applications.VGG19(weights=None, include_top=False)
    path = tmp_path / "vgg19.h5"
    theirs.save_weights(path)
    taps = ("block3_conv3", "block1_pool", "block5_conv4", "block5_pool")
    features = build_vgg19(taps, str(path))
    images = np.random.default_rng(1).uniform(size=(2, 33, 47, 3)).astype(np.float32)
    expected = keras.Model(theirs.input, [theirs.get_layer(tap).output for tap in taps])(
        keras.applications.vgg19.preprocess_input(images * 255.0)
    )
    for mine, truth in zip(features(images), expected, strict=True):
        assert mine.shape == truth.shape
        np.testing.assert_allclose(mine, truth, rtol=1e-4, atol=1e-4 * float(tf.reduce_max(truth)))


def test_preprocessing_by_hand(tmp_path):
    """A kernel that copies the first channel it sees, blue, and one for the third, red."""
    path = tmp_path / "copies.h5"
    _write(path)
    with h5py.File(path, "r+") as file:
        kernel = np.zeros(SHAPES[0], np.float32)
        kernel[1, 1, 0, 0] = kernel[1, 1, 2, 1] = 1.0
        file[TAP][f"{TAP}_W_1:0"][...] = kernel
        file[TAP][f"{TAP}_b_1:0"][...] = 0.0
    features = build_vgg19([TAP], str(path))(tf.reshape([0.8, 0.0, 0.6], (1, 1, 1, 3)))[0]
    np.testing.assert_allclose(features[0, 0, 0, 0], 0.6 * 255 - 103.939, rtol=1e-5)
    np.testing.assert_allclose(features[0, 0, 0, 1], 0.8 * 255 - 123.68, rtol=1e-5)


def test_weights_are_the_files_and_frozen(file):
    values = _write(file)
    vgg = build_vgg19([TAP], str(file))
    for weight, value in zip(vgg.get_weights(), values, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert vgg.trainable_variables == []


def test_computes_in_float32_under_mixed_precision(file):
    images = tf.random.stateless_uniform((1, 5, 4, 3), seed=(0, 0))
    truth = build_vgg19([TAP], str(file))(images)[0]
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        features = build_vgg19([TAP], str(file))(images)[0]
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert features.dtype == tf.float32
    np.testing.assert_array_equal(features, truth)


def test_one_tap_is_a_sequence_too(file):
    features = build_vgg19([TAP], str(file))(tf.zeros((2, 5, 4, 3)))
    assert [tuple(feature.shape) for feature in features] == [(2, 5, 4, 64)]


def test_deepest_tap_bounds_what_is_built(file):
    names = [layer.name for layer in build_vgg19([TAP], str(file)).layers]
    assert names == ["image", "to_caffe", TAP]


@pytest.mark.parametrize("taps", [[], ["block3_relu3"], [TAP, "fc1"]])
def test_unknown_taps_are_refused(file, taps):
    with pytest.raises(ValueError, match="`taps` must be among block1_conv1, .* Got: "):
        build_vgg19(taps, str(file))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(PerceptualError, match="`vgg_weights` must be .*nowhere.h5', which is no"):
        build_vgg19([TAP], str(tmp_path / "nowhere.h5"))


def test_truncated_file_is_named(file):
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(PerceptualError, match="first_layer.h5 must be Keras' .* Got: .*truncated"):
        build_vgg19([TAP], str(file))


def test_foreign_file_is_named(tmp_path):
    path = tmp_path / "notes.h5"
    path.write_text("no weights")
    with pytest.raises(PerceptualError, match="notes.h5 must be Keras' "):
        build_vgg19([TAP], str(path))


def test_missing_layer_is_named(file):
    with pytest.raises(PerceptualError, match=f"the layer block1_conv2, .* Got: {TAP}."):
        build_vgg19(["block1_conv2"], str(file))


@pytest.mark.parametrize(
    "shapes", [((3, 3, 64, 3), (64,)), ((3, 3, 3, 64),), ((3, 3, 3, 32), (32,))]
)
def test_other_shapes_are_named(tmp_path, shapes):
    path = tmp_path / "other.h5"
    _write(path, shapes)
    with pytest.raises(PerceptualError, match=rf"{TAP} must have the shapes .* Got: \[\(3, 3, "):
        build_vgg19([TAP], str(path))


def test_file_with_the_releases_name_must_be_the_release(file):
    named = file.rename(file.with_name(perceptual.RELEASE))
    with pytest.raises(PerceptualError, match=f"its MD5 must be {perceptual.RELEASE_MD5}"):
        build_vgg19([TAP], str(named))


def test_failed_download_says_what_to_do(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(perceptual, "RELEASE_URL", (tmp_path / "absent.h5").as_uri())
    with pytest.raises(PerceptualError) as caught:
        build_vgg19([TAP])
    for part in ("absent.h5", "~/.keras/models/", "`vgg_weights`", "`perceptual_weight=0`"):
        assert part in str(caught.value)


def test_download_is_checked_and_kept(cache, file, monkeypatch):
    monkeypatch.setattr(perceptual, "RELEASE_URL", file.as_uri())
    with pytest.raises(PerceptualError, match="could not be downloaded"):
        build_vgg19([TAP])  # Another file's MD5.
    digest = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setattr(perceptual, "RELEASE_MD5", digest)
    first = build_vgg19([TAP]).get_weights()
    file.unlink()
    for kept, weight in zip(build_vgg19([TAP]).get_weights(), first, strict=True):
        np.testing.assert_array_equal(kept, weight)
    assert (cache / perceptual.RELEASE).is_file()


def test_distance_by_hand():
    """Features x and 2 x of errors 0.1 and 0.2: squared 0.01 + 0.04, absolute 0.1 + 0.2, ..."""

    def extractor(images):
        return [images, 2.0 * images[:, :1]]

    target = tf.zeros((2, 3, 4, 3))
    restored = tf.stack([tf.fill((3, 4, 3), 0.1), tf.fill((3, 4, 3), -0.2)])
    squared = perceptual_distance(extractor, target, restored)
    np.testing.assert_allclose(squared, [0.05, 0.2], rtol=1e-6)
    absolute = perceptual_distance(extractor, target, restored, "absolute")
    np.testing.assert_allclose(absolute, [0.3, 0.6], rtol=1e-6)
    assert squared.dtype == tf.float32


def test_distance_has_a_gradient_for_the_restored_image_alone():
    target, restored = tf.zeros((1, 2, 2, 3)), tf.ones((1, 2, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch([target, restored])
        loss = perceptual_distance(lambda images: [images], target, restored)
    to_target, to_restored = tape.gradient(loss, [target, restored])
    assert to_target is None
    np.testing.assert_allclose(to_restored, np.full((1, 2, 2, 3), 2 / 12), rtol=1e-6)


def test_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="`distance` must be one of squared, absolute. Got: 'l3'."):
        perceptual_distance(lambda images: [images], tf.zeros(1), tf.zeros(1), "l3")
