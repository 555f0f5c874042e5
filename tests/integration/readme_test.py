"""Every `tfdeblur` command of the README runs, one after the other, in an empty folder.

The installing commands (`make`, `pip`) are run by `.ci/run`. Long trainings are cut short by flags
that are appended here; nothing else is changed.
"""

import re
import shlex
from pathlib import Path

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


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line]


def test_only_known_programs_are_shown():
    assert {command[0] for command in commands()} <= {"tfdeblur", *INSTALLERS}


@pytest.mark.slow
def test_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "page.png", TextRecipe(patch_size=64).pair(0, 0, "test").degraded)
    ours = [command[1:] for command in commands() if command[0] == "tfdeblur"]
    assert {command[0] for command in ours} >= {"data", "train", "evaluate", "export", "restore"}
    for command in ours:
        code = main([*command, *SHORTENED.get(command[0], [])])
        output = capsys.readouterr()
        assert code == 0, f"{shlex.join(command)} ended with {code}:\n{output.err}"
    assert (tmp_path / "restored" / "page.png").exists()
    assert (tmp_path / "report" / "summary.json").exists()
    assert (tmp_path / "exported" / "text" / "1" / "model_float16.tflite").exists()
