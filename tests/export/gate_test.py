"""Tests of tfdeblur.export.gate: a failing gate says what, which rule and how much."""

import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.export import gate, saved_model, tflite


def write(folder, model_config, generator):
    """Write both artifacts of a generator."""
    saved_model.export_saved_model(generator, model_config, folder)
    tflite.export_tflite(generator, model_config, folder / tflite.FILE_NAME)


@pytest.fixture(scope="module")
def written(make_small, tmp_path_factory):
    """A small model and the folder of its artifacts."""
    folder, small = tmp_path_factory.mktemp("artifacts"), make_small()
    write(folder, *small)
    return folder, small


@pytest.fixture
def staged(written, tmp_path):
    """A small (config, generator), whose artifacts are in `tmp_path`."""
    folder, small = written
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return small


def shifted(generator, levels: float):
    """Return a copy whose output is `levels` of 255 brighter, in the generator's linear range."""
    copy = generator.__class__.from_config(generator.get_config())
    weights = generator.get_weights()
    copy.set_weights(weights[:-1] + [weights[-1] + levels / 127.5])
    return copy


def test_a_faithful_export_passes_and_is_measured(staged, tmp_path, check_images):
    model_config, generator = staged
    reference = gate.restore_in_memory(generator, model_config)
    targets = [255 - reference(image) for image in check_images]
    measured = gate.run_gate(tmp_path, generator, model_config, check_images, check_targets=targets)
    assert measured["images"] == 10
    assert measured["sizes"] == [(7, 7), (9, 20), (13, 18), (16, 16), (21, 12)]
    for artifact in ("saved_model", "tflite"):
        assert measured[artifact]["max_levels"] <= 1
        assert abs(measured[artifact]["psnr_change_db"]) < 0.01
    assert measured["restore_bytes"]["max_levels"] <= 1
    assert measured["bytes"]["tflite"] == (tmp_path / tflite.FILE_NAME).stat().st_size
    assert "TRANSPOSE_CONV" in measured["tflite"]["operators"]


def test_the_reference_pads_as_the_artifacts_do(make_small, tmp_path, check_images):
    model_config, generator = make_small(scale=1, size_multiple=8, minimum_size=16)
    write(tmp_path, model_config, generator)
    measured = gate.run_gate(tmp_path, generator, model_config, check_images)
    assert measured["saved_model"]["max_levels"] <= 1
    assert "psnr_change_db" not in measured["saved_model"]


def test_a_deviating_saved_model_is_named(staged, tmp_path, check_images):
    model_config, generator = staged
    with pytest.raises(gate.GateError) as error:
        gate.run_gate(tmp_path, shifted(generator, 20), model_config, check_images)
    assert str(error.value).startswith("saved_model.pb failed the export gate: at most 1 level(s)")
    assert int(re.search(r"Measured: (\d+) on image", str(error.value)).group(1)) > 10


def test_a_deviating_tflite_file_is_named(staged, tmp_path, check_images):
    model_config, generator = staged
    tflite.export_tflite(shifted(generator, 20), model_config, tmp_path / tflite.FILE_NAME)
    with pytest.raises(gate.GateError, match=r"^model_float16.tflite .*at most 1 level"):
        gate.run_gate(tmp_path, generator, model_config, check_images)


def test_a_change_of_psnr_is_named(staged, tmp_path, check_images):
    model_config, generator = staged
    targets = [gate.restore_in_memory(generator, model_config)(image) for image in check_images]
    saved_model.export_saved_model(shifted(generator, 20), model_config, tmp_path)
    lax = gate.GateLimits(levels=255)
    with pytest.raises(gate.GateError, match=r"^saved_model.pb .*mean PSNR .* -\d+\.\d+ dB"):
        gate.run_gate(
            tmp_path, generator, model_config, check_images, check_targets=targets, limits=lax
        )


def test_an_output_of_another_size_is_named(staged, tmp_path, check_images):
    model_config, generator = staged

    def enlarge_twice(images):
        return {"restored": tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)}

    module = tf.Module()
    module.weights = list(generator.weights)
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8, "images")
    signature = tf.function(enlarge_twice, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    with pytest.raises(gate.GateError, match="output follows the size of the input") as error:
        gate.run_gate(tmp_path, generator, model_config, check_images)
    assert "(32, 32, 3) uint8 on image 0, which makes (64, 64, 3)" in str(error.value)


def test_operators_that_are_not_builtin_are_named(monkeypatch):
    monkeypatch.setattr(
        tflite, "list_operators", lambda content: (["CONV_2D"], ["FlexErf", "MyOp"])
    )
    with pytest.raises(gate.GateError, match="builtin operators only. Measured: FlexErf, MyOp"):
        gate.check_operators(b"")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (gate.GateLimits(file_bytes=1000), r"a file has at most 1000 bytes. Measured: \d+ bytes"),
        (gate.GateLimits(tflite_overhead_bytes=0), r"^model_float16.tflite .* weights and their"),
    ],
)
def test_files_that_are_too_large_are_named(staged, tmp_path, check_images, limits, message):
    model_config, generator = staged
    with pytest.raises(gate.GateError, match=message):
        gate.run_gate(tmp_path, generator, model_config, check_images, limits=limits)


def test_a_deviating_restore_bytes_is_named(check_images):
    def black(image_bytes):
        png = tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8))
        return {"restored_bytes": tf.repeat(png[tf.newaxis], tf.size(image_bytes))}

    images = [np.full((1, 1, 3), 9, np.uint8)] * 2
    with pytest.raises(gate.GateError, match=r"^restore_bytes of saved_model.pb .*Measured: 200"):
        gate.check_restore_bytes(
            black, lambda image: np.full((4, 4, 3), 200, np.uint8), images, gate.GateLimits()
        )


def test_too_few_images_or_sizes_are_refused(small_config, tmp_path, check_images):
    generator = small_config.build_generator()
    for images in (check_images[:9], [check_images[0]] * 10):
        with pytest.raises(ValueError, match="at least 10 images of at least 5 sizes. Got: "):
            gate.run_gate(tmp_path, generator, small_config, images)


def test_malformed_images_and_targets_are_refused(small_config, tmp_path, check_images):
    generator = small_config.build_generator()
    floats = [image / np.float32(255) for image in check_images]
    with pytest.raises(ValueError, match=r"`check_images\[0\]` must be \[H, W, 3\] uint8"):
        gate.run_gate(tmp_path, generator, small_config, floats)
    with pytest.raises(ValueError, match="`check_targets` must be the check images' sizes times 4"):
        gate.run_gate(tmp_path, generator, small_config, check_images, check_targets=check_images)
