"""The wheel, installed into clean environments without TensorFlow, outside the repository.

One for each Python that is on this machine, with the versions that its constraints pin, and one for
the newest of them with the newest of everything.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfdeblur.images.files import read_image, write_image

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("tfdeblur", "datasets", "configs", "tools", "saved_models")
METADATA = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
RENAMED = {
    "datasets": "tfdeblur_datasets",
    "configs": "tfdeblur_configs",
    "tools": "tfdeblur_tools",
    "saved_models": "tfdeblur_models",
}

pytestmark = pytest.mark.network  # installs the base dependencies


@pytest.fixture(scope="module")
def tree(tmp_path_factory, toy_model):
    """A copy of what the wheel is made from, and the toy model among the shipped ones."""
    tree = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tree / name, ignore=ignore)
    for name in METADATA:
        shutil.copy(ROOT / name, tree / name)
    shutil.copytree(toy_model, tree / "saved_models" / "toy")
    return tree


@pytest.fixture(scope="module")
def wheel(tree):
    """The wheel, built with what is installed here."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    built = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = (tree / "dist").iterdir()
    return path


def _environments():
    """This Python's environment, and the others, which are slow."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for file in sorted(ROOT.glob("constraints/*.txt")):
        marks = () if file.stem == own else pytest.mark.slow
        yield pytest.param(([file.stem], file), id=file.stem, marks=marks)
    newest_first = sorted((file.stem for file in ROOT.glob("constraints/*.txt")), reverse=True)
    yield pytest.param((newest_first, None), id="newest", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=_environments())
def environment(wheel, tmp_path_factory, request):
    """A folder of commands in which the wheel and its base dependencies are installed."""
    versions, constraints = request.param
    found = subprocess.run(
        [ROOT / ".ci" / "find_python", *versions], capture_output=True, text=True
    )
    if found.returncode:
        pytest.skip(f"Python {' or '.join(versions)} is not on this machine")
    venv = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([found.stdout.strip(), "-m", "venv", "--without-pip", venv], check=True)
    install = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install"]
    install += ["--quiet", "--no-compile", "--only-binary=:all:"]
    pinned = ["--constraint", constraints] if constraints else []
    subprocess.run([*install, *pinned, wheel], check=True)
    return venv / "bin"


@pytest.fixture
def run(environment, tmp_path):
    """Run a command of that environment in an empty folder."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def call(command, *arguments):
        return subprocess.run(
            [environment / command, *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )

    return call


def test_wheel_holds_every_file_under_our_own_names(tree, wheel):
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in packed} == {"tfdeblur", *RENAMED.values()}
    expected = set()
    for folder in SOURCES:
        for path in (tree / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                relative = path.relative_to(tree / folder).as_posix()
                expected.add(f"{RENAMED.get(folder, folder)}/{relative}")
    assert packed == expected
    assert any(name.startswith("tfdeblur/degradations/page_sources/fonts/") for name in packed)


def test_shipped_models_are_listed(tree, run):
    listed = run("tfdeblur", "models")
    assert listed.returncode == 0, listed.stderr
    names = {
        path.name for path in (tree / "saved_models").iterdir() if any(path.glob("*/metadata.json"))
    }
    assert {line.split()[0] for line in listed.stdout.splitlines() if line[0] != " "} == names


def test_restore_without_tensorflow(tree, run, tmp_path, toy_network):
    page = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    write_image(tmp_path / "page.png", page)
    for metadata in sorted((tree / "saved_models").glob("*/*/metadata.json")):
        model, scale = metadata.parts[-3], json.loads(metadata.read_text())["scale"]
        restored = run("tfdeblur", "restore", "page.png", f"--output={model}", f"--model={model}")
        assert restored.returncode == 0, restored.stderr
        assert "with LiteRT" in restored.stderr
        assert read_image(tmp_path / model / "page.png").shape == (9 * scale, 12 * scale, 3)
    error = read_image(tmp_path / "toy" / "page.png").astype(int) - toy_network(page)
    assert np.abs(error).max() <= 1


def test_pairs_are_checked_without_tensorflow(run, tmp_path):
    page = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    write_image(tmp_path / "photos" / "lr" / "a.png", page[::4, ::4])
    write_image(tmp_path / "photos" / "hr" / "a.png", page)
    checked = run("tfdeblur", "data", "check", "photos", "--html=report.html")
    assert checked.returncode == 0, checked.stderr
    assert "1 pairs examined" in checked.stdout
    assert (tmp_path / "report.html").exists()


def test_verbs_that_need_more_say_so(run):
    assert run("python", "-c", "import tensorflow").returncode == 1
    for verb in ("data list", "data build", "train", "export"):
        refused = run("tfdeblur", *verb.split())
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"tfdeblur {verb}: needs the extra `train` (")
        assert refused.stderr.count("\n") == 1
    refused = run("tfdeblur", "models", "--architectures")
    assert refused.returncode == 1
    assert refused.stderr.startswith("tfdeblur models: needs the extra `train` (")


def test_names_of_others_are_left_alone(run):
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('datasets', 'tools')])"
    assert run("python", "-c", code).stdout.strip() == "[None, None]"
