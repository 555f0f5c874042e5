"""`tfdeblur models`: what is shipped, and its cards."""

import pytest

from tfdeblur.inference import shipped
from tfdeblur_tools.main import main


def test_list(toy_model, monkeypatch, capsys):
    monkeypatch.setattr(shipped.resources, "files", lambda package: toy_model.parent)
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    size = (toy_model / "1" / "model_float16.tflite").stat().st_size / 1e6
    assert lines == [
        f"toy  version 1, super_resolution_and_deblurring, x2, {size:.1f} MB",
        "    Doubles.",
    ]


def test_card(toy_model, capsys):
    assert main(["models", str(toy_model)]) == 0
    assert capsys.readouterr().out == "# toy\n\nDoubles.\n\n"


def test_nothing_is_installed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped.resources, "files", lambda package: tmp_path)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == "No model is installed with tfdeblur.\n"


@pytest.mark.parametrize("name", ["nosuch", "no/such/folder"])
def test_unknown_model(name, capsys):
    assert main(["models", name]) == 1
    assert f"tfdeblur models: `{name}` must be a shipped model" in capsys.readouterr().err
