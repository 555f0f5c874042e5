"""Exported artifacts answer where tfdeblur is not installed: docs/export.md, executed."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from toy_gan import ToyConfig

from tfdeblur.export.gate import restore_in_memory
from tfdeblur.export.publish import export_model

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"
OURS = ("tfdeblur", "tfdeblur_tools", "tfdeblur_configs", "tfdeblur_models", "tfdeblur_datasets")
TENSORFLOW = ("tensorflow", "keras", "tf_keras")

# Runs the snippet after it as if the blocked packages were not installed, and proves that they were
# not imported on some other way.
ISOLATED = """
import sys
BLOCKED = {blocked!r}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Absent())
exec(compile(open("snippet.py").read(), "snippet.py", "exec"))
assert not set(BLOCKED) & {{name.split(".")[0] for name in sys.modules}}
for name in BLOCKED:
    try:
        __import__(name)
    except ImportError:
        continue
    raise AssertionError(name + " can be imported")
"""


def snippet(heading: str, language: str) -> str:
    """Return the first code block of a language below a heading of the document."""
    section = DOCUMENT.read_text("utf-8").split(f"\n## {heading}\n")[1]
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL).group(1)


def run_isolated(code: str, folder: Path, blocked: tuple[str, ...]) -> None:
    (folder / "snippet.py").write_text(code)
    program = ISOLATED.format(blocked=blocked)
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the exported toy and two pictures, and its generator as a function."""
    folder = tmp_path_factory.mktemp("site")
    model_config = ToyConfig()
    generator = model_config.build_generator()
    rng = np.random.default_rng(3)
    sizes = [(12, 16), (9, 20), (21, 12), (7, 7), (1, 5)] * 2
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    export_model(
        generator,
        model_config,
        folder / "saved_models" / "scgan_text",
        check_images=images,
        training_files={},
        card="",
    )
    Image.fromarray(images[0]).save(folder / "page.png")
    Image.fromarray(images[2]).save(folder / "photo.jpg")
    restore = restore_in_memory(generator, model_config)
    return folder, lambda path: restore(np.asarray(Image.open(path))).astype(int)


def test_the_saved_model_answers_in_plain_tensorflow(published):
    folder, restore = published
    run_isolated(snippet("Plain TensorFlow", "python"), folder, OURS)
    page, photo = read(folder / "restored.png"), read(folder / "restored_photo.png")
    assert page.shape == (48, 64, 3)
    assert photo.shape == (84, 48, 3)
    assert np.abs(page - restore(folder / "page.png")).max() <= 1
    assert np.abs(photo - restore(folder / "photo.jpg")).max() <= 1


def test_the_tflite_file_answers_in_plain_litert(published):
    folder, restore = published
    run_isolated(snippet("Plain LiteRT", "python"), folder, OURS + TENSORFLOW)
    page = read(folder / "restored.png")
    assert page.shape == (48, 64, 3)
    assert np.abs(page - restore(folder / "page.png")).max() <= 1


def test_the_isolation_isolates(published):
    folder, _ = published
    with pytest.raises(AssertionError, match="tfdeblur is not installed here"):
        run_isolated("import tfdeblur", folder, OURS)


def test_the_curl_request_is_what_the_signature_takes(published):
    """A program named curl stands in for the server: the request in, a REST answer out."""
    folder, restore = published
    programs = folder / "bin"
    programs.mkdir()
    (programs / "curl").write_text("#!/bin/sh\ncat canned.json\n")
    (programs / "curl").chmod(0o755)
    (programs / "python").symlink_to(sys.executable)
    loaded = tf.saved_model.load(str(folder / "saved_models/scgan_text/1"))
    page = (folder / "page.png").read_bytes()
    answer = loaded.signatures["restore_bytes"](image_bytes=tf.constant([page]))
    encoded = base64.b64encode(answer["restored_bytes"][0].numpy()).decode()
    (folder / "canned.json").write_text(json.dumps({"outputs": [{"b64": encoded}]}))

    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-e", "-c", snippet("TensorFlow Serving", "bash")],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
    )
    request = json.loads((folder / "request.json").read_text())
    assert request["signature_name"] == "restore_bytes"
    assert base64.b64decode(request["inputs"]["image_bytes"][0]["b64"]) == page
    restored = read(folder / "restored.png")
    assert np.abs(restored - restore(folder / "page.png")).max() <= 1
