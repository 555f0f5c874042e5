"""`make` takes the newest Python that fits, wherever a version manager keeps it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
[ "$1" = -c ] && echo {version} && exit
[ "$2" = {version} ] || [ -z "$2" ] && echo "$0"
"""  # As much of an interpreter as is asked: `-c` for its version, `- VERSION` whether it fits.
SHIM = """#!/bin/sh
echo "pyenv: $0: command not found" >&2
exit 127
"""
MANAGERS = {
    "pyenv": ".pyenv/versions/{version}.2/bin/python",
    "uv": ".local/share/uv/python/cpython-{version}.2-linux-x86_64-gnu/bin/python",
    "asdf": ".asdf/installs/python/{version}.2/bin/python",
    "mise": ".local/share/mise/installs/python/{version}.2/bin/python",
}


class Machine:
    """A home folder, and a PATH on which nothing but `sh`, `make` and its own files are."""

    def __init__(self, home: Path):
        self.home = home
        self.bin = home / "bin"
        self.bin.mkdir()
        for program in ("sh", "make", "touch"):
            (self.bin / program).symlink_to(shutil.which(program))

    def put(self, place: str, text: str) -> str:
        """Write an executable file; return its path."""
        path = self.home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def has(self, version: str, place: str = "bin/python{version}") -> str:
        """Install a Python; return its path."""
        return self.put(place.format(version=version), PYTHON.format(version=version))

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Run a command of the checkout."""
        variables = {"PATH": str(self.bin), "HOME": str(self.home)}
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)

    def find(self, *wanted: str) -> str:
        """Run find_python; return what it prints, and nothing if it found none."""
        found = self.run(str(ROOT / ".ci" / "find_python"), *wanted)
        assert found.returncode == (0 if found.stdout else 1)
        return found.stdout.strip()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_the_first_version_that_is_there(machine):
    older, newer = machine.has("3.11"), machine.has("3.12")
    assert machine.find("3.13", "3.12", "3.11") == newer
    assert machine.find("3.11", "3.12") == older
    assert machine.find("3.13") == ""


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_placeholder_is_skipped_and_the_managers_own_is_found(machine, manager):
    machine.put("bin/python3.13", SHIM)
    machine.put("bin/python3", SHIM)
    assert machine.find("3.13") == ""
    kept = machine.has("3.13", MANAGERS[manager])
    assert machine.find("3.13", "3.12") == machine.find("python3.13") == kept


def test_python3_counts_under_the_version_that_it_is(machine):
    plain = machine.has("3.12", "bin/python3")
    assert machine.find("3.13", "3.12") == plain


def test_a_path_is_taken_as_it_is(machine):
    odd = machine.has("3.11", "somewhere/my python")
    assert machine.find(odd) == odd
    assert machine.find(str(machine.home / "missing")) == ""


def test_a_python_that_cannot_make_environments_does_not_count(machine):
    machine.put("bin/python3.13", "#!/bin/sh\nexit 1\n")
    assert machine.find("3.13") == ""


def test_each_version_has_an_environment_of_its_own(machine):
    machine.has("3.11")
    machine.has("3.13")
    newest = machine.run("make", "-n", "-B", "test")
    assert ".venv/3.13/bin/pytest" in newest.stdout
    assert "constraints/3.13.txt" in newest.stdout
    other = machine.run("make", "-n", "-B", "test", "PYTHON=python3.11")
    assert ".venv/3.11/bin/pytest" in other.stdout
    assert "3.13" not in other.stdout


@pytest.mark.parametrize(
    ("version", "arguments", "told"),
    [("3.14", [], "Training needs Python 3.10 to 3.13; with 3.14"), ("3.12", ["LIGHT=1"], "")],
)
def test_the_light_quickstart(machine, version, arguments, told):
    machine.has(version)
    made = machine.run("make", "-n", "-B", "quickstart", *arguments)
    assert made.stdout.count("Training needs") == bool(told)
    assert told in made.stdout
    assert f".venv/{version}-light/bin/python -m tfdeblur_tools.quickstart --light" in made.stdout
    assert "[train" not in made.stdout
    refused = machine.run("make", "-n", "test", *arguments)
    assert refused.returncode == 2
    assert "The tests need what training needs, Python 3.10 to 3.13" in refused.stderr


@pytest.mark.parametrize("version", ["", "3.9"])
def test_no_python_that_fits(machine, version):
    named = [f"PYTHON={machine.has(version)}"] if version else []
    refused = machine.run("make", "-n", "quickstart", *named)
    assert refused.returncode == 2
    assert "one of 3.13 3.12 3.11 3.10" in refused.stderr
    assert f"Got: {named[0][7:] if named else 'none for PYTHON=3.13 3.12'}" in refused.stderr


def test_every_version_has_constraints_that_name_no_index():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = dict(line.split(" := ") for line in makefile.splitlines() if " := " in line)
    versions = f"{lines['TRAINING']} {lines['LIGHT_ONLY']}".split()
    files = sorted((ROOT / "constraints").iterdir())
    assert [file.stem for file in files] == sorted(versions)
    for file in files:
        pins = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert all(pin.count("==") == 1 and "/" not in pin for pin in pins), os.fspath(file)
