"""Tests of tfdeblur.export.publish: all or nothing, and never over what is there."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

import tfdeblur
from tfdeblur.export import gate, publish
from tfdeblur.images import tensors
from tfdeblur.inference.restorer import Restorer
from tfdeblur.stack import keras

TRAINING_FILES = {"config.json": b"{}\n", "discriminator.npz": b"weights"}


def export(generator, model_config, output, check_images, **options):
    return publish.export_model(
        generator,
        model_config,
        output,
        check_images=check_images,
        training_files=TRAINING_FILES,
        card="# A card\n",
        **options,
    )


@pytest.fixture(scope="module")
def small(make_small):
    """A config and a generator."""
    return make_small()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return tmp_path_factory.mktemp("models") / "pages"


@pytest.fixture(scope="module")
def folder(small, pages, check_images):
    """The version of `small` that is published in `pages`."""
    model_config, generator = small
    return export(generator, model_config, pages, check_images)


def test_a_version_folder_has_the_published_layout(folder, pages):
    assert folder == pages / "1"
    assert [path.name for path in pages.iterdir()] == ["1"]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "saved_model.pb",
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "model_float16.tflite",
        "training/config.json",
        "training/discriminator.npz",
        "metadata.json",
        "model_card.md",
    }
    assert (folder / "training/discriminator.npz").read_bytes() == b"weights"
    assert (folder / "model_card.md").read_text() == "# A card\n"


def test_metadata_tells_what_a_client_needs(folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    parity, files = metadata.pop("parity"), metadata.pop("files")
    assert metadata == {
        "format_version": 1,
        "name": "pages",
        "version": 1,
        "task": "super_resolution_and_deblurring",
        "scale": 4,
        "channels": 3,
        "value_range": [0, 255],
        "dtype": "uint8",
        "halo": 4,
        "size_multiple": 1,
        "minimum_size": 1,
        "fixed_input_size": None,
        "signatures": {
            "serving_default": {
                "inputs": {"images": {"dtype": "uint8", "shape": [-1, -1, -1, 3]}},
                "outputs": {"restored": {"dtype": "uint8", "shape": [-1, -1, -1, 3]}},
            },
            "restore_bytes": {
                "inputs": {"image_bytes": {"dtype": "string", "shape": [-1]}},
                "outputs": {"restored_bytes": {"dtype": "string", "shape": [-1]}},
                "max_image_pixels": 1048576,
            },
        },
        "package_version": tfdeblur.__version__,
    }
    assert parity["saved_model"]["max_levels"] <= 1
    assert parity["tflite"]["max_levels"] <= 1
    assert len(files) == 7
    for name, digest in files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_a_bfloat16_generator_is_published_as_float32(small_config, tmp_path, check_images):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        generator = small_config.build_generator()
        folder = export(generator, small_config, tmp_path / "pages", check_images)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    exact = small_config.build_generator()
    exact.set_weights(generator.get_weights())
    images = check_images[0][np.newaxis]
    loaded = tf.saved_model.load(str(folder)).signatures["serving_default"]
    np.testing.assert_array_equal(
        loaded(images=tf.constant(images))["restored"].numpy(),
        tensors.to_uint8(exact(tensors.to_float(images), training=False)).numpy(),
    )


@pytest.mark.parametrize("runtime", ["litert", "saved_model"])
def test_a_published_model_is_found_verified_and_run(small, folder, check_images, runtime):
    model_config, generator = small
    restorer = Restorer.load(folder.parent, runtime=runtime)
    expected = gate.restore_in_memory(generator, model_config)(check_images[1])
    restored = restorer.restore(check_images[1])
    assert np.abs(restored.astype(int) - expected).max() <= 1


def test_a_failing_gate_leaves_nothing(make_small, tmp_path, check_images):
    model_config, generator = make_small()
    impossible = gate.GateLimits(file_bytes=10)
    with pytest.raises(gate.GateError, match="a file has at most 10 bytes"):
        export(generator, model_config, tmp_path / "new", check_images, limits=impossible)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_gate_leaves_published_versions_alone(make_small, tmp_path, check_images):
    model_config, generator = make_small()
    (tmp_path / "1").mkdir()
    with pytest.raises(ValueError, match="at least 10 images"):
        export(generator, model_config, tmp_path, check_images[:2])
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("names", "version"),
    [([], 1), (["1", "2"], 3), (["9", "10"], 11), (["latest", "1.bak", "-4", "²", ".5"], 1)],
)
def test_the_next_version_counts_integer_names_only(tmp_path, names, version):
    for name in names:
        (tmp_path / name).mkdir()
    assert publish.next_version(tmp_path) == version


def test_a_number_that_is_taken_meanwhile_is_skipped(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "theirs").write_text("published first")
    staged = tmp_path / ".staging" / "version"
    staged.mkdir(parents=True)
    guesses = iter([1, 2])
    monkeypatch.setattr(publish, "next_version", lambda output: next(guesses))
    assert publish._publish(staged, tmp_path, {}) == tmp_path / "2"
    assert (tmp_path / "1" / "theirs").read_text() == "published first"
    assert json.loads((tmp_path / "2" / "metadata.json").read_text()) == {"version": 2}


def test_exports_at_once_get_different_numbers(tmp_path):
    def publish_one(index):
        staged = tmp_path / f".staging-{index}" / "version"
        staged.mkdir(parents=True)
        (staged / "mark").write_text(str(index))
        return publish._publish(staged, tmp_path, {})

    with ThreadPoolExecutor(8) as pool:
        published = list(pool.map(publish_one, range(24)))
    assert sorted(int(path.name) for path in published) == list(range(1, 25))
    assert sorted(int((path / "mark").read_text()) for path in published) == list(range(24))
    for path in published:
        assert json.loads((path / "metadata.json").read_text())["version"] == int(path.name)


@pytest.mark.parametrize("name", ["../config.json", "/tmp/config.json", ""])
def test_training_files_stay_inside_the_folder(make_small, tmp_path, check_images, name):
    model_config, generator = make_small()
    with pytest.raises(ValueError, match="`training_files` must have relative names"):
        publish.export_model(
            generator,
            model_config,
            tmp_path / "new",
            check_images=check_images,
            training_files={name: b""},
            card="",
        )
    assert list(tmp_path.iterdir()) == []


def test_grey_models_are_refused(make_small, tmp_path, check_images):
    model_config, generator = make_small(channels=1)
    with pytest.raises(ValueError, match="`channels` of an exported model must be 3. Got: 1."):
        export(generator, model_config, tmp_path / "new", check_images)
    assert list(tmp_path.iterdir()) == []


def test_a_published_folder_is_as_readable_as_any_other(folder, tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    assert folder.stat().st_mode == ordinary.stat().st_mode


def test_artifacts_do_not_say_where_they_were_made(folder, pages):
    package = os.fsencode(os.path.dirname(tfdeblur.__file__))
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert package not in content and os.fsencode(pages.parent) not in content, path.name
