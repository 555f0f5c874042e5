"""LiteRT and TensorFlow answer alike; a file of fixed size is found out."""

import logging
import shutil

import numpy as np
import pytest

from tfdeblur.inference import runtimes
from tfdeblur.inference.runtimes import LiteRTRuntime, load_runtime
from tfdeblur.inference.shipped import ModelError, ModelFolder, resolve_model


@pytest.mark.parametrize("kind", ["litert", "saved_model"])
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (37, 29)])
def test_runtimes_equal_the_network(toy_model, toy_network, kind, size):
    runtime = load_runtime(resolve_model(toy_model), kind)
    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    restored = runtime.restore(images)
    assert runtime.scale == 2 and restored.dtype == np.uint8
    assert restored.shape == (2, 2 * size[0], 2 * size[1], 3)
    for image, result in zip(images, restored, strict=True):
        assert np.abs(result.astype(int) - toy_network(image)).max() <= 1


def test_auto_prefers_litert_and_says_so(toy_model, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    assert isinstance(load_runtime(resolve_model(toy_model)), LiteRTRuntime)
    assert "model_float16.tflite with LiteRT" in caplog.text


def _without(monkeypatch, *modules):
    real = runtimes.find_spec
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None if name in modules else real(name))


def test_auto_without_litert(toy_model, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="absl")
    _without(monkeypatch, "ai_edge_litert")
    runtime = load_runtime(resolve_model(toy_model))
    assert runtime.restore(np.zeros((1, 2, 2, 3), np.uint8)).shape == (1, 4, 4, 3)
    assert "with TensorFlow" in caplog.text


@pytest.mark.parametrize(
    ("kind", "missing", "message"),
    [
        ("litert", ["ai_edge_litert"], "LiteRT is not installed: pip install "),
        ("saved_model", ["tensorflow"], r"TensorFlow is not installed: pip .*\[train\]"),
        ("auto", ["ai_edge_litert", "tensorflow"], r"TensorFlow is not installed"),
    ],
)
def test_what_is_not_installed_is_named(toy_model, monkeypatch, kind, missing, message):
    _without(monkeypatch, *missing)
    with pytest.raises(ModelError, match=message):
        load_runtime(resolve_model(toy_model), kind)


def test_unknown_kind_and_missing_files(toy_model, tmp_path):
    with pytest.raises(ValueError, match="one of auto, litert, saved_model. Got: 'torch'"):
        load_runtime(resolve_model(toy_model), "torch")
    empty = ModelFolder(tmp_path, {"scale": 2})
    with pytest.raises(ModelError, match=r"has no \.tflite file"):
        load_runtime(empty, "litert")
    with pytest.raises(ModelError, match="has no SavedModel, nor"):
        load_runtime(empty)


@pytest.mark.parametrize("size", [(16, 17), (8, 8), (40, 40)])
def test_fixed_size_is_refused(toy_model, size):
    """Such a file runs at any size, and answers with that which it was converted for."""
    runtime = LiteRTRuntime(toy_model / "fixed.tflite", 2)
    assert runtime.restore(np.zeros((1, 16, 16, 3), np.uint8)).shape == (1, 32, 32, 3)
    with pytest.raises(ModelError, match=r"fixed\.tflite: for images .*Got: \(1, 32, 32, 3\)"):
        runtime.restore(np.zeros((1, *size, 3), np.uint8))


def test_baked_output_size_is_refused(toy_model, picture, monkeypatch):
    runtime = LiteRTRuntime(toy_model / "1" / "model_float16.tflite", 2)
    baked = np.zeros((1, 32, 32, 3), np.uint8)
    monkeypatch.setattr(runtime, "_run", lambda images: {"restored": baked})
    with pytest.raises(ModelError, match=r"must be \(1, 74, 58, 3\) uint8\. Got: \(1, 32, 32, 3\)"):
        runtime.restore(picture[None])


def test_scale_of_a_lone_file_is_found(toy_model, tmp_path, picture):
    shutil.copy(toy_model / "1" / "model_float16.tflite", tmp_path / "alone.tflite")
    runtime = load_runtime(resolve_model(tmp_path / "alone.tflite"))
    assert runtime.scale == 2 and runtime.restore(picture[None]).shape == (1, 74, 58, 3)


def test_files_that_are_no_models(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"nothing of the kind" * 10)
    with pytest.raises(ModelError, match=r"a\.tflite: LiteRT cannot load it"):
        LiteRTRuntime(tmp_path / "a.tflite")
    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="TensorFlow cannot load it"):
        load_runtime(ModelFolder(tmp_path, {"scale": 2}), "saved_model")


def test_another_signature_is_refused(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.run = tf.function(
        lambda x: {"y": x}, input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8, "x")]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.run.get_concrete_function()], module
    )
    (tmp_path / "a.tflite").write_bytes(converter.convert())
    with pytest.raises(ModelError, match="signature `serving_default` from `images` to `restored`"):
        LiteRTRuntime(tmp_path / "a.tflite")
