"""docs/add_a_model.md, executed: its files are written, its commands run.

The checkout of the document is a folder of links to this one, in which only the folders that get a
new file are real: so nothing else is edited.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tfdeblur.degradations.recipes import GeneratedRecipe
from tfdeblur.images.files import read_image, write_image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "add_a_model.md"
REAL = ("tfdeblur", "tfdeblur/models", "configs", "tests", "tests/models")
MODEL, EXPERIMENT, TEST = (
    "tfdeblur/models/small_resnet.py",
    "configs/small_resnet_text.py",
    "tests/models/small_resnet_test.py",
)

# Runs the commands of one folder after the other in one process, as TensorFlow is slow to import.
DRIVER = """
import json, os, sys
import pytest
import tfdeblur, tfdeblur_configs
from tfdeblur_tools.main import main
root = os.getcwd()
assert tfdeblur.__file__.startswith(root), tfdeblur.__file__
assert list(tfdeblur_configs.__path__)[0].startswith(root), tfdeblur_configs.__path__
programs = {"tfdeblur": main, "pytest": pytest.main}
for folder, path, program, arguments in json.load(open("commands.json")):
    os.chdir(folder)
    if path:
        sys.path.insert(0, os.path.abspath(path))
    code = int(programs[program]([*arguments]))  # pytest adds to what it is given
    if path:
        del sys.path[0]
    print("ENDED", json.dumps([program, arguments, code]), flush=True)
"""


def section(heading: str) -> str:
    """Return the text below a heading of the document, up to the next."""
    return DOCUMENT.read_text("utf-8").split(f"\n## {heading}\n")[1].partition("\n## ")[0]


def code(text: str) -> str:
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return block


def commands(text: str) -> list[list[str]]:
    """Return [what is added to Python's path, program, arguments] of each command, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        words = shlex.split(line)
        path = words.pop(0).partition("=")[2] if words[0].startswith("PYTHONPATH=") else ""
        program, *arguments = words
        if arguments[0] == "train":
            arguments.append("--config.runtime.precision=float32")
        if program == "pytest":
            arguments += ["-q", "-p", "no:cacheprovider"]
        found.append([path, program, arguments])
    return found


def link_checkout(checkout: Path) -> None:
    """Make a folder of links to this checkout, where the folders of `REAL` are folders."""
    for folder in ("", *REAL):
        (checkout / folder).mkdir(exist_ok=True)
        for entry in (ROOT / folder).iterdir():
            target = checkout / folder / entry.name
            if not target.exists() and str(target.relative_to(checkout)) not in REAL:
                target.symlink_to(entry)
    (checkout / "tfdeblur_configs").symlink_to(checkout / "configs")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of both examples, and the output of their commands."""
    folder = tmp_path_factory.mktemp("add_a_model")
    checkout, mine, work = folder / "checkout", folder / "mine", folder / "work"
    for each in (checkout, mine, work):
        each.mkdir()
    link_checkout(checkout)
    files = {
        MODEL: code(section("The model")),
        EXPERIMENT: code(section("The experiment")),
        TEST: code(section("The test")),
    }
    for name, text in files.items():
        assert name in DOCUMENT.read_text("utf-8")
        (checkout / name).write_text(text, encoding="utf-8")
    inside, outside = "from tfdeblur.models.small_resnet", code(section("Outside of the package"))
    (mine / "small_resnet.py").write_text(files[MODEL], encoding="utf-8")
    assert files[EXPERIMENT].count(f"{inside} import SmallResNetConfig\n") == 1
    config = files[EXPERIMENT].replace(f"{inside} import SmallResNetConfig\n", outside)
    (mine / "my_config.py").write_text(config, encoding="utf-8")
    pair = GeneratedRecipe("enhance_unet", patch_size=33).pair(0, 0, "test")
    for place in (work, mine):
        write_image(place / "page.png", pair.degraded)
    write_image(work / "pairs" / "blurry" / "a.png", pair.degraded)
    write_image(work / "pairs" / "sharp" / "a.png", pair.target)

    tests, *rest = commands(section("Run it"))
    *own, laws = commands(section("Outside of the package"))
    plan = [
        [str(checkout), *tests],
        *([str(work), *each] for each in rest),
        *([str(mine), *each] for each in own),
        [str(checkout), *laws],
    ]
    (checkout / "commands.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    output = f"{done.stdout}\n{done.stderr}"
    ended = re.findall(r"^ENDED (.*)$", done.stdout, flags=re.MULTILINE)
    assert [json.loads(line) for line in ended] == [[*each[2:], 0] for each in plan], output
    return folder, output


def test_the_model_is_trained_scored_exported_and_used(ran):
    folder, _ = ran
    work = folder / "work"
    config = json.loads((work / "runs" / "small" / "config.json").read_text())
    assert config["model"]["class"] == "tfdeblur.models.small_resnet:SmallResNetConfig"
    assert json.loads((work / "report" / "summary.json").read_text())["count"] == 1
    metadata = json.loads((work / "exported" / "small" / "1" / "metadata.json").read_text())
    assert metadata["halo"] == 3 and metadata["parity"]["tflite"]["max_levels"] <= 1
    assert read_image(work / "restored" / "page.png").shape == (33, 33, 3)


def test_the_model_is_trained_exported_and_used_from_another_folder(ran):
    mine = ran[0] / "mine"
    config = json.loads((mine / "runs" / "mine" / "config.json").read_text())
    assert config["model"]["class"] == "small_resnet:SmallResNetConfig"
    assert read_image(mine / "restored" / "page.png").shape == (33, 33, 3)


def test_the_laws_are_checked_in_both_places(ran):
    """Beside the laws for an experiment: three tests of its own, two of its paper."""
    counts = re.findall(r"^(\d+) passed", ran[1], flags=re.MULTILINE)
    laws = len(
        re.findall(
            r"^def test_\w+\((?:config|experiment)\b",
            (ROOT / "tests" / "conformance" / "models_test.py").read_text("utf-8"),
            flags=re.MULTILINE,
        )
    )
    assert [int(count) for count in counts] == [3 + 2 + laws, laws]
