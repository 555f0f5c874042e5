"""Runs, exports and records of one stack work on the other, and those of yesterday work today.

The .zip files beside this one were made by `exchange.py make` on either stack; see `_pack`. Where
an environment of the other stack is there, as in CI, both also make new ones for each other.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tfdeblur.stack import HAS_ADDONS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OWN, OTHER = ("2.15", "2.21") if HAS_ADDONS else ("2.21", "2.15")
KEPT = ("runs/*/config.json", "runs/*/checkpoints/latest/*", "exported/", "restored/", "prepared/")


def _pack(folder: Path, file: Path) -> None:
    """Pack what `take` needs of the folder that `make` wrote: how the .zip files were made."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder)
            wanted = any(name.match(each) or str(name).startswith(each) for each in KEPT)
            if wanted and not path.name.startswith("step-0"):
                archive.write(path, name)


def _exchange(python: str | Path, what: str, folder: Path) -> None:
    command = [python, HERE / "exchange.py", what, folder]
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _other_python() -> Path | None:
    """Find an environment that `make` has made for the other stack."""
    versions = ("3.13", "3.12") if HAS_ADDONS else ("3.11", "3.10")
    pythons = [ROOT / ".venv" / version / "bin" / "python" for version in versions]
    return next((python for python in pythons if python.exists()), None)


@pytest.mark.parametrize(
    "release", [OTHER, pytest.param(OWN, marks=pytest.mark.slow)], ids=["the other's", "our own"]
)
def test_what_was_made_before_still_works(release, tmp_path):
    zipfile.ZipFile(HERE / f"tensorflow_{release}.zip").extractall(tmp_path)
    _exchange(sys.executable, "take", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("maker", ["this", "the other"])
def test_each_stack_takes_what_the_other_makes(maker, tmp_path):
    other = _other_python()
    if other is None:
        pytest.skip("no environment of the other stack: make test PYTHON=… makes one")
    pythons = [sys.executable, other] if maker == "this" else [other, sys.executable]
    for what, python in zip(("make", "take"), pythons, strict=True):
        _exchange(python, what, tmp_path)
