"""Tests of tfdeblur.export.saved_model."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfdeblur.export import saved_model
from tfdeblur.images import tensors
from tfdeblur.stack import keras


def encode(image: np.ndarray, image_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, image_format, **options)
    return buffer.getvalue()


def decode(image_bytes: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image_bytes)))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def export(generator, model_config, folder):
    saved_model.export_saved_model(generator, model_config, folder)
    return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def small(make_small, tmp_path_factory):
    """A small generator, its config, the folder of its export, and the signatures in it."""
    model_config, generator = make_small()
    folder = tmp_path_factory.mktemp("small")
    return generator, model_config, folder, export(generator, model_config, folder)


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 1, 9, 3), (1, 8, 5, 3), (3, 17, 2, 3)])
def test_serving_default_equals_the_generator_at_any_size(small, shape):
    generator, _, _, signatures = small
    images = noise(*shape)
    restored = signatures["serving_default"](images=tf.constant(images))["restored"].numpy()
    expected = tensors.to_uint8(generator(tensors.to_float(images), training=False)).numpy()
    assert restored.dtype == np.uint8
    assert restored.shape == (shape[0], 4 * shape[1], 4 * shape[2], 3)
    np.testing.assert_array_equal(restored, expected)


@pytest.mark.parametrize(
    ("height", "width", "multiple", "minimum", "padded"),
    [(1, 1, 1, 7, (7, 7)), (5, 8, 4, 1, (8, 8)), (3, 10, 4, 6, (8, 12)), (6, 6, 1, 1, (6, 6))],
)
def test_padding_mirrors_to_the_next_legal_size(height, width, multiple, minimum, padded):
    images = noise(2, height, width, 3)
    result = saved_model.pad_to_legal_size(tf.constant(images), multiple, minimum).numpy()
    extra = ((0, 0), (0, padded[0] - height), (0, padded[1] - width), (0, 0))
    np.testing.assert_array_equal(result, np.pad(images, extra, mode="symmetric"))


def test_a_model_with_legal_sizes_is_padded_and_cropped_in_the_graph(make_small, tmp_path):
    model_config, generator = make_small(scale=1, size_multiple=4, minimum_size=8)
    signatures = export(generator, model_config, tmp_path)
    image = noise(1, 1, 10, 3)
    restored = signatures["serving_default"](images=tf.constant(image))["restored"].numpy()
    padded = np.pad(image, ((0, 0), (0, 7), (0, 2), (0, 0)), mode="symmetric")
    expected = tensors.to_uint8(generator(tensors.to_float(padded), training=False)).numpy()
    np.testing.assert_array_equal(restored, expected[:, :1, :10])


def test_restore_bytes_answers_mixed_sizes_and_formats_in_order(small):
    generator, _, _, signatures = small
    smooth = np.kron(noise(4, 5, 3), np.ones((4, 4, 1), np.uint8))
    files = [encode(noise(1, 1, 3)), encode(smooth, "JPEG"), encode(noise(6, 3, 3))]
    answers = signatures["restore_bytes"](image_bytes=tf.constant(files))["restored_bytes"].numpy()
    for file, answer in zip(files, answers, strict=True):
        assert answer.startswith(b"\x89PNG")
        image = decode(file)[np.newaxis]
        expected = tensors.to_uint8(generator(tensors.to_float(image), training=False)).numpy()
        np.testing.assert_array_equal(decode(answer), expected[0])


def test_restore_bytes_refuses_a_bomb_among_images(small):
    signatures = small[-1]
    bomb = encode(np.zeros((1025, 1024, 3), np.uint8))
    assert len(bomb) < 10_000
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 1048576 pixels") as error:
        signatures["restore_bytes"](image_bytes=tf.constant([encode(noise(2, 2, 3)), bomb]))
    assert "[1025 1024]" in str(error.value)


def test_a_generator_trained_in_bfloat16_is_rebuilt_in_float32(small_config):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        generator = small_config.build_generator()
        rebuilt = saved_model.rebuild_in_float32(generator, small_config)
        assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert {layer.compute_dtype for layer in rebuilt.layers} == {"float32"}
    for ours, theirs in zip(rebuilt.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_of_another_model_are_refused(make_small):
    _, generator = make_small(width=4)
    other, _ = make_small(width=8)
    with pytest.raises(ValueError, match="shape"):
        saved_model.rebuild_in_float32(generator, other)


def test_weights_are_read_back_in_keras_order(small):
    generator, model_config, folder, _ = small
    weights = saved_model.read_weights(folder)
    assert len(weights) == 12  # Two kernels, two norms of four, a kernel and a bias.
    fresh = model_config.build_generator()
    fresh.set_weights(weights)
    for ours, theirs in zip(fresh.get_weights(), generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_reading_weights_of_no_export_names_the_folder(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path.name} must be a version folder"):
        saved_model.read_weights(tmp_path)


def test_the_pixel_limit_counts_restored_pixels():
    assert saved_model.max_image_pixels(1) == 2**24
    assert saved_model.max_image_pixels(4) == 2**20
