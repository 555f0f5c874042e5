"""Tests of `tfdeblur export`."""

import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags

from tfdeblur.export.gate import GateError
from tfdeblur.training import release as release_module
from tfdeblur_tools import export


@pytest.fixture
def run(monkeypatch):
    """Return a function that parses a command line into flags of its own and runs the tool."""

    def run_tool(*arguments: str) -> int:
        values = flags.FlagValues()
        export.define_flags(values)
        values(["export", *arguments])
        monkeypatch.setattr(flags, "FLAGS", values)
        return export.main([])

    return run_tool


def test_flags_reach_the_release(run, monkeypatch, tmp_path, capsys):
    calls = []

    def release(workdir, output, **options):
        calls.append((workdir, output, options))
        return Path(output) / "3"

    monkeypatch.setattr(release_module, "release", release)
    notes = tmp_path / "notes.md"
    notes.write_text("Read me.", encoding="utf-8")
    assert run("--workdir=w", "--output=models/text") == 0
    assert run(
        "--workdir=w",
        "--output=o",
        "--checkpoint=latest",
        "--images=photos",
        f"--notes={notes}",
        "--hours=2.5",
    ) == 0  # fmt: skip
    assert calls == [
        ("w", "models/text", {"which": "best", "images": None, "notes": "", "hours": None}),
        ("w", "o", {"which": "latest", "images": "photos", "notes": "Read me.", "hours": 2.5}),
    ]
    assert capsys.readouterr().out.splitlines()[0] == f"Published {Path('models/text/3')}"


def test_a_failing_gate_is_one_line_and_exit_code_1(run, monkeypatch, capsys):
    def release(workdir, output, **options):
        raise GateError("saved_model.pb", "at most 1 level", "7")

    monkeypatch.setattr(release_module, "release", release)
    assert run("--workdir=w", "--output=o") == 1
    assert capsys.readouterr().err == (
        "tfdeblur export: saved_model.pb failed the export gate: at most 1 level. Measured: 7.\n"
    )


def test_a_folder_without_a_run_is_named(run, tmp_path, capsys):
    assert run(f"--workdir={tmp_path}", f"--output={tmp_path / 'out'}") == 1
    assert f"{tmp_path} must be a run's folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["workdir", "output"])
def test_both_folders_are_required(run, missing):
    given = [f"--{name}=x" for name in ("workdir", "output") if name != missing]
    with pytest.raises(flags.IllegalFlagValueError, match=f"--{missing} must have a value"):
        run(*given)


def test_help_does_not_import_tensorflow():
    program = (
        "import sys; from absl import flags; from tfdeblur_tools import export;"
        "export.define_flags(flags.FLAGS); text = flags.FLAGS.get_help();"
        "assert 'workdir' in text; assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
