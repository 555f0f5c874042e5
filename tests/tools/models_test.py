"""`tfdeblur models`: what is shipped, and its cards."""

import sys

import pytest

from tfdeblur import stack
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


TINY = """
from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.training.experiment import ExperimentConfig

def get_config(variant=""):
    return ExperimentConfig("{name}", WRFNConfig(width=1, blocks={blocks}))
"""


def test_architectures(tmp_path, monkeypatch, capsys):
    for name, blocks in (("tiny_a", 1), ("tiny_b", 2), ("tiny_c", 1)):
        (tmp_path / f"{name}.py").write_text(TINY.format(name=name, blocks=blocks))
    monkeypatch.setattr(shipped.resources, "files", lambda package: tmp_path)
    assert main(["models", "--architectures"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # 18 b C^2 + 34 C s^2 + 19,008 weights with b = 1 or 2, C = 1, s = 5; biases; norms.
    weights = {blocks: 18 * blocks + 34 * 25 + 18_432 + 576 for blocks in (1, 2)}
    rest = {blocks: 1 + 2 * blocks + 25 + 32 + 64 + 1 + 4 * blocks + 128 for blocks in (1, 2)}
    assert lines == [
        "wrfn, width=1, blocks=1 (tiny_a, tiny_c): Jin et al., CVPRW 2018",
        f"    generator: {weights[1] + rest[1]:,} parameters",
        "    1.95 GMAC for 320x320 px; receptive field 53 px; its norms see the whole image",
        "wrfn, width=1, blocks=2 (tiny_b): Jin et al., CVPRW 2018",
        f"    generator: {weights[2] + rest[2]:,} parameters",
        "    1.95 GMAC for 320x320 px; receptive field 73 px; its norms see the whole image",
    ]


def test_architectures_need_the_extra(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "tfdeblur.studies.architectures", raising=False)

    def load_keras():
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.delattr(stack, "keras", raising=False)
    monkeypatch.setattr(stack, "_load_keras", load_keras)
    assert main(["models", "--architectures"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("tfdeblur models: needs the extra `train` (tensorflow is missing)")


def test_architectures_stand_alone(capsys):
    assert main(["models", "--architectures", "scgan_text"]) == 1
    assert "takes no model. Got: scgan_text." in capsys.readouterr().err
