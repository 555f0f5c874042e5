import os
import signal
import subprocess
import sys
import time

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils import gcs_utils

from tfdeblur.data.build import shards
from tfdeblur_tools.builders import find_builders


def test_list_names_each_configuration_with_what_it_holds(run):
    code, out, _ = run("data", "list")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines.keys() == find_builders().keys()
    assert {"blurred_text/x4", "blurred_text/pages"} <= lines.keys()
    assert "20,000 patches of rendered pages" in lines["blurred_text/x4"]
    code, _, err = run("data", "list", "x")
    assert code == 1
    assert err.startswith("tfdeblur data list: `data list` takes no arguments. Got: 'x'.")


def test_build_then_again_then_overwrite(run, tmp_path):
    build = ("data", "build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=2", "--seed=3")
    folder = tmp_path / "blurred_text" / "x4_count2_seed3" / "1.1.0"
    code, out, err = run(*build)
    assert (code, err) == (0, "")
    name = "blurred_text/x4_count2_seed3"
    digest = tfds.builder(name, data_dir=tmp_path).info.metadata["shards_sha256"]
    assert out.splitlines() == [
        f"Prepared: {name} 1.1.0: 2 train, 2 validation, 2 test",
        f"in {folder}",
        f"sha256 of all files: {digest}",
    ]
    assert len(tfds.builder(name, data_dir=tmp_path).as_dataset("test")) == 2
    records = sorted(folder.glob("*.tfrecord*"))
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in records]

    code, out, _ = run(*build)
    assert code == 0
    assert out.startswith(f"Already prepared (--overwrite builds it anew): {name}")
    assert [file.stat().st_mtime_ns for file in records] == [written for written, _ in before]

    code, out, _ = run(*build, "--overwrite")
    assert code == 0
    assert f"Prepared: {name}" in out
    assert all(f.stat().st_mtime_ns > w for f, (w, _) in zip(records, before, strict=True))
    assert [file.read_bytes() for file in records] == [content for _, content in before]
    assert [path.name for path in folder.parent.iterdir()] == ["1.1.0"]


def test_never_looks_for_the_data_in_a_bucket(run, tmp_path, monkeypatch):
    monkeypatch.setattr(gcs_utils, "_is_gcs_disabled", False)
    looked_up = []
    monkeypatch.setattr(gcs_utils, "exists", lambda path: looked_up.append(path))
    code, _, _ = run("data", "build", "blurred_text/pages", f"--data_dir={tmp_path}", "--count=1")
    assert code == 0
    assert looked_up == []


@pytest.mark.parametrize("name", ["blurred_text/x5", "blurred_text", "nothing/x4"])
def test_unknown_names_list_those_there_are(run, tmp_path, name):
    code, out, err = run("data", "build", name, f"--data_dir={tmp_path}")
    assert (code, out) == (1, "")
    names = ", ".join(find_builders())
    assert f"NAME/CONFIG must be one of {names}. Got: {name!r}." in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "use `data build NAME/CONFIG`. Got: ''."),
        (("a/b", "c"), "use `data build NAME/CONFIG`. Got: 'a/b c'."),
        (("blurred_text/x4", "--count=0"), "`count` must be at least 1. Got: 0."),
        (("blurred_text/x4", "--manual_dir=."), "is not made from files. Got: --manual_dir=."),
        (
            ("blurred_text/x4", "--beam_runner=DirectRunner", "--beam_options=4"),
            "`--beam_options` must be name=value,… Got: '4'.",
        ),
    ],
)
def test_wrong_usage_says_what_is_right(run, tmp_path, arguments, message):
    code, _, err = run("data", "build", *arguments, f"--data_dir={tmp_path}")
    assert code == 1
    assert err.startswith("tfdeblur data build: ") and message in err


PAGES = ("data", "build", "blurred_text/pages", "--count=12")


def _check_that_nothing_is_finished_and_resume(run, data_dir):
    folder = data_dir / "blurred_text" / "pages_count12"
    assert not (folder / "1.1.0").exists()
    with pytest.raises(tfds.core.DatasetNotFoundError):
        tfds.core.read_only_builder.builder_from_files(
            "blurred_text", config="pages_count12", data_dir=data_dir
        )
    code, out, _ = run(*PAGES, f"--data_dir={data_dir}")
    assert code == 0
    assert out.startswith("resumed: ")
    assert "of 3 files were there\nPrepared: blurred_text/pages_count12 1.1.0: 12 train" in out
    assert not list(folder.glob("partial.*"))


@pytest.mark.slow
def test_killed_build_leaves_nothing_finished_and_resumes(run, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tfdeblur_tools.main", *PAGES, f"--data_dir={tmp_path}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    folder = tmp_path / "blurred_text" / "pages_count12"
    while process.poll() is None and not list(folder.glob("partial.*/*.report.json")):
        time.sleep(0.05)
    assert process.poll() is None, "the build ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _check_that_nothing_is_finished_and_resume(run, tmp_path)


def test_interrupted_build_leaves_nothing_finished_and_resumes(run, tmp_path, monkeypatch):
    """After its first file, in this process."""
    write = shards._write_whole

    def write_and_stop(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shards, "_write_whole", write_and_stop)
        code, _, err = run(*PAGES, f"--data_dir={tmp_path}")
    assert (code, err) == (130, "tfdeblur data build: interrupted\n")
    _check_that_nothing_is_finished_and_resume(run, tmp_path)


def test_failed_overwrite_keeps_what_was_there(run, tmp_path, monkeypatch):
    build = ("data", "build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=1")
    run(*build)
    folder = tmp_path / "blurred_text" / "x4_count1" / "1.1.0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_, **__):
        raise OSError("no space left on the disk")

    monkeypatch.setattr(tfds.core.ShardBasedBuilder, "download_and_prepare", fail)
    code, _, err = run(*build, "--overwrite")
    assert code == 1
    assert "no space left on the disk" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["1.1.0"]
