"""Every `tfdeblur` command and Python block of the README runs, in an empty folder.

The installing commands (`make`, `pip`) are run by `.ci/run`. Long trainings are cut short by flags
that are appended here; nothing else is changed.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.images.files import write_image
from tfdeblur_tools.main import main

README = Path(__file__).parents[2] / "README.md"
SHORTENED = {
    "train": [
        "--config.train.steps=2",
        "--config.train.batch_size=2",
        "--config.train.validation_count=2",
        "--config.runtime.precision=float32",
    ],
    "evaluate": ["--limit=3"],
}
INSTALLERS = ("make", "pip")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


def commands() -> list[list[str]]:
    shown = [line for block in blocks("sh") for line in block.splitlines()]
    lines = [line.partition("#")[0].strip() for line in shown]
    return [shlex.split(line) for line in lines if line]


def test_only_known_programs_are_shown():
    assert {command[0] for command in commands()} <= {"tfdeblur", *INSTALLERS}


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Work in a folder with page.png, 16 x 16 px, and photos/."""
    monkeypatch.chdir(tmp_path)
    pair = TextRecipe(patch_size=64).pair(0, 0, "test")
    write_image(tmp_path / "page.png", pair.degraded)
    for name in "ab":
        photo = np.pad(pair.target, [(3, 3), (3, 3), (0, 0)])
        write_image(tmp_path / "photos" / f"{name}.png", photo)


def test_python_restores(pictures):
    restoring, _ = blocks("python")
    names: dict = {}
    exec(restoring, names)
    assert names["sharp"].shape == (64, 64, 3) and names["sharp"].dtype == np.uint8


def test_python_trains(pictures):
    _, training = blocks("python")
    names: dict = {}
    exec(training, names)
    restored = names["restored"].numpy()
    assert restored.shape == (1, 200, 200, 3) and np.isfinite(restored).all()
    assert names["model"].generator_optimizer.iterations.numpy() == 1


@pytest.mark.slow
def test_commands_run(pictures, tmp_path, capsys):
    ours = [command[1:] for command in commands() if command[0] == "tfdeblur"]
    assert {command[0] for command in ours} >= {"data", "train", "evaluate", "export", "restore"}
    for command in ours:
        code = main([*command, *SHORTENED.get(command[0], [])])
        output = capsys.readouterr()
        assert code == 0, f"{shlex.join(command)} ended with {code}:\n{output.err}"
    assert (tmp_path / "restored" / "page.png").exists()
    assert (tmp_path / "report" / "summary.json").exists()
    assert (tmp_path / "exported" / "text" / "1" / "model_float16.tflite").exists()
