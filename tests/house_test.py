"""The lengths that CONTRIBUTING.md sets, for every Python file of the repository."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE_LINES, TOOL_LINES = 400, 80
LEFT_OUT = ("build", "dist")  # What setuptools writes.


def python_files() -> Iterator[Path]:
    """Yield every Python file of ours, relative to ROOT."""
    for folder in ROOT.iterdir():
        if folder.is_dir() and folder.name[0] != "." and folder.name not in LEFT_OUT:
            yield from (path.relative_to(ROOT) for path in folder.rglob("*.py"))
    yield from (path.relative_to(ROOT) for path in ROOT.glob("*.py"))


@pytest.mark.parametrize(("pattern", "most"), [("*.py", FILE_LINES), ("tools/*.py", TOOL_LINES)])
def test_files_are_short(pattern, most):
    lengths = {
        path.as_posix(): len((ROOT / path).read_text("utf-8").splitlines())
        for path in python_files()
        if fnmatch(path.as_posix(), pattern)
    }
    assert {"*.py": "setup.py", "tools/*.py": "tools/main.py"}[pattern] in lengths
    long = [f"{path}: {lines}" for path, lines in sorted(lengths.items()) if lines > most]
    assert not long, f"{pattern} must have at most {most} lines. Got:\n" + "\n".join(long)
