"""Models are found by name and path, and what was altered is refused."""

import json
import shutil

import pytest

from tfdeblur.inference import shipped
from tfdeblur.inference.shipped import ModelError, resolve_model, shipped_models


@pytest.fixture
def base(toy_model, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(toy_model, tmp_path / "toy")


@pytest.fixture
def installed(base, monkeypatch):
    """`base` as the only shipped model."""
    monkeypatch.setattr(shipped.resources, "files", lambda package: base.parent)
    return base


def _edit(folder, **changes):
    path = folder / "metadata.json"
    metadata = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(metadata))


def test_version_folder(toy_model):
    model = resolve_model(toy_model / "1")
    assert model.path == toy_model / "1"
    assert (model.metadata["name"], model.metadata["scale"]) == ("toy", 2)
    assert model.tflite == toy_model / "1" / "model_float16.tflite"
    assert model.saved_model == toy_model / "1"
    assert model.card == "# toy\n\nDoubles.\n"


def test_highest_version_wins_by_number(base):
    for version in ("2", "10"):
        shutil.copytree(base / "1", base / version)
        _edit(base / version, version=int(version))
    (base / "11").mkdir()  # not a version: no metadata
    assert resolve_model(base).path == base / "10"
    assert resolve_model(str(base)).metadata["version"] == 10


def test_shipped_names(installed, monkeypatch):
    shutil.copytree(installed / "1", installed / "2")
    (installed.parent / "__pycache__").mkdir()
    assert [model.path for model in shipped_models()] == [installed / "2"]
    assert resolve_model("toy").path == installed / "2"
    assert resolve_model("toy/1").path == installed / "1"
    with pytest.raises(ModelError, match=r"`toi` must be a shipped model \(toy\), the folder"):
        resolve_model("toi")


def test_a_name_wins_over_a_folder(installed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_model("toy").path == installed / "1"
    (tmp_path / "elsewhere" / "toy").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resolve_model("toy").path == installed / "1"
    with pytest.raises(ModelError, match="toy: must hold metadata.json, or version folders"):
        resolve_model("./toy")


def test_what_is_installed_is_whole():
    """The models that really come with the package verify."""
    for model in shipped_models():
        assert resolve_model(model.metadata["name"]).path == model.path
        assert model.tflite and model.saved_model and model.card


def test_training_run_is_named_as_such(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="It is a training run: export it first"):
        resolve_model(tmp_path)


def test_tflite_file_with_and_without_metadata(base, tmp_path):
    model = resolve_model(base / "1" / "model_float16.tflite")
    assert model.metadata["halo"] == 3 and model.saved_model is None
    alone = shutil.copy(base / "1" / "model_float16.tflite", tmp_path / "alone.tflite")
    assert resolve_model(alone).metadata == {}
    unlisted = shutil.copy(alone, base / "1" / "other.tflite")
    assert resolve_model(unlisted).metadata == {}


@pytest.mark.parametrize("name", ["saved_model.pb", "model_float16.tflite"])
def test_altered_file(base, name):
    path = base / "1" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: its SHA-256 must be [0-9a-f]{{64}}, as"):
        resolve_model(base)


def test_altered_tflite_file_by_its_own_path(base):
    path = base / "1" / "model_float16.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="model_float16.tflite: its SHA-256 must be"):
        resolve_model(path)


def test_missing_file(base):
    (base / "1" / "model_float16.tflite").unlink()
    with pytest.raises(ModelError, match="model_float16.tflite: is listed in .* and is missing"):
        resolve_model(base)


@pytest.mark.parametrize("name", ["../fixed.tflite", "/etc/hostname"])
def test_files_outside_the_folder(base, name):
    _edit(base / "1", files={name: "0" * 64})
    with pytest.raises(ModelError, match="`files` must lie in its folder"):
        resolve_model(base)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("format_version", 2, "1"),
        ("name", "", "text"),
        ("version", "1", "a positive integer"),
        ("scale", 0, "a positive integer"),
        ("scale", True, "a positive integer"),
        ("channels", 1, "3"),
        ("value_range", [0, 1], r"\[0, 255\]"),
        ("dtype", "float32", '"uint8"'),
        ("halo", -1, "an integer of at least 0"),
        ("size_multiple", 1.5, "a positive integer"),
        ("minimum_size", None, "a positive integer"),
        ("files", {}, "an object of file names"),
    ],
)
def test_fields_are_checked(base, field, value, rule):
    _edit(base / "1", **{field: value})
    with pytest.raises(ModelError, match=f"metadata.json: `{field}` must be {rule}.*Got: "):
        resolve_model(base)


@pytest.mark.parametrize(("content", "rule"), [("{", "a JSON file"), ("[]", "a JSON object")])
def test_metadata_that_is_no_object(base, content, rule):
    (base / "1" / "metadata.json").write_text(content)
    with pytest.raises(ModelError, match=f"metadata.json: must (be|hold) {rule}"):
        resolve_model(base)
