"""A model that takes images of one size only: its artifacts say so and refuse others."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfdeblur.evaluation.evaluate import score_pairs
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.export import check_images, gate, publish
from tfdeblur.images.files import write_image
from tfdeblur.inference.batch import restore_files
from tfdeblur.inference.restorer import Restorer, UnfitSize

SIDE = 16
RULE = "the image must be 16x16 px, the one size that this model takes. Got: 13x16."


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def published(make_small, tmp_path_factory):
    """A small network, exported for one size: (version folder, the network as a function)."""
    config, generator = make_small(fixed_input_size=SIDE)
    folder = publish.export_model(
        generator,
        config,
        tmp_path_factory.mktemp("models") / "faces",
        check_images=[noise(SIDE, SIDE, seed) for seed in range(10)],
        training_files={},
        card="",
    )
    return folder, gate.restore_in_memory(generator, config)


def test_the_size_is_stated(published):
    metadata = json.loads((published[0] / "metadata.json").read_text())
    assert metadata["fixed_input_size"] == SIDE
    assert metadata["parity"]["sizes"] == [[16, 16]]
    signature = metadata["signatures"]["serving_default"]
    assert signature["inputs"]["images"]["shape"] == [-1, 16, 16, 3]
    assert signature["outputs"]["restored"]["shape"] == [-1, 64, 64, 3]


@pytest.mark.parametrize("runtime", ["litert", "saved_model", "lone file"])
def test_its_size_is_restored_and_others_are_refused(published, tmp_path, runtime):
    folder, reference = published
    if runtime == "lone file":
        shutil.copy(folder / "model_float16.tflite", tmp_path / "lone.tflite")
        restorer = Restorer.load(tmp_path / "lone.tflite")
    else:
        restorer = Restorer.load(folder, runtime)
    assert (restorer.scale, restorer.fixed_size) == (4, (16, 16))
    image = noise(SIDE, SIDE, seed=11)
    restored = restorer.restore(image)
    assert np.abs(restored.astype(int) - reference(image)).max() <= 1
    for height, width in ((16, 13), (8, 8), (32, 32)):
        with pytest.raises(UnfitSize, match=f"must be 16x16 px, .* Got: {width}x{height}."):
            restorer.restore(noise(height, width))


def test_the_file_of_another_size_is_named_and_the_others_go_on(published, tmp_path, capsys):
    for name, width in (("a", 16), ("b", 13)):
        write_image(tmp_path / "in" / f"{name}.png", noise(SIDE, width))
    outcome = restore_files(Restorer.load(published[0]), [tmp_path / "in"], tmp_path / "out")
    assert outcome.restored == 1
    assert outcome.failures == [f"{tmp_path / 'in' / 'b.png'}: {RULE}"]


def test_the_pair_of_another_size_is_named_and_the_others_are_scored(published):
    pairs = [(str(width), noise(16, width), noise(64, 4 * width)) for width in (16, 13)]
    restorer = Restorer.load(published[0])
    scores = score_pairs(restorer.restore, pairs, 4, make_protocol("rgb", 4))
    assert [image.id for image in scores.images] == ["16"]
    assert scores.failed == {"13": f"pair '13': {RULE}"}


def test_bytes_of_another_size_are_refused(published, tmp_path):
    folder, reference = published
    signature = tf.saved_model.load(str(folder)).signatures["restore_bytes"]
    files = []
    for width in (16, 13):
        Image.fromarray(noise(SIDE, width)).save(tmp_path / "a.png")
        files.append((tmp_path / "a.png").read_bytes())
    (answer,) = signature(image_bytes=tf.constant(files[:1]))["restored_bytes"].numpy()
    restored = tf.io.decode_png(answer).numpy().astype(int)
    assert np.abs(restored - reference(noise(SIDE, 16))).max() <= 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="an image of 16x16 px. Got") as error:
        signature(image_bytes=tf.constant(files))
    assert "[16 13]" in str(error.value)


def test_the_gate_wants_images_of_its_size(make_small, tmp_path):
    config, generator = make_small()
    config = dataclasses.replace(config, fixed_input_size=SIDE)
    images = [noise(SIDE, SIDE)] * 9 + [noise(SIDE, 13)]
    with pytest.raises(ValueError, match=r"must be 16x16 px, .*: \[\(16, 13\), \(16, 16\)\]"):
        gate.run_gate(tmp_path, generator, config, images)


def test_check_images_are_left_whole(tmp_path):
    for index in range(10):
        write_image(tmp_path / f"{index}.png", noise(SIDE, SIDE, index))
    images = check_images.read_check_images(tmp_path, 8, SIDE).images
    np.testing.assert_array_equal(images[3], noise(SIDE, SIDE, 3))
    with pytest.raises(ValueError, match="must hold images of 32x32 px, .* Got: 16x16."):
        check_images.read_check_images(tmp_path, 8, 32)
