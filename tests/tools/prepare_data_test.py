import functools
import os
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import flags
from tensorflow_datasets.core.utils import gcs_utils

from tfdeblur.data import prepare
from tfdeblur_tools import prepare_data


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the program with its own flags; returns (exit code, stdout, stderr)."""

    def call(*arguments):
        values = flags.FlagValues()
        prepare_data.define_flags(values)
        monkeypatch.setattr(flags, "FLAGS", values)
        code = prepare_data.main(values(["tfdeblur data", *map(str, arguments)]))
        return code, *capsys.readouterr()

    return call


def test_list_names_each_configuration_with_its_counts(run):
    code, out, _ = run("list")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert lines.keys() == {"blurred_text/x4", "blurred_text/pages"}
    assert "20000 + 500 + 500" in lines["blurred_text/x4"]
    assert "200 + 100 + 100" in lines["blurred_text/pages"]


def _examples(file):
    """Parse the records: on Python 3.10 protobuf 3 writes the same features in any order."""
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    return [tf.train.Example.FromString(record) for record in records]


def test_build_then_again_then_overwrite(run, tmp_path):
    build = ("build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=2", "--seed=3")
    folder = tmp_path / "blurred_text" / "x4_count2_seed3" / "1.0.0"
    code, out, _ = run(*build)
    assert code == 0
    name = "blurred_text/x4_count2_seed3"
    assert f"Prepared: {name} 1.0.0: 2 train, 2 validation, 2 test\nin {folder}" in out
    assert len(tfds.builder(name, data_dir=tmp_path).as_dataset("test")) == 2
    records = sorted(folder.glob("*.tfrecord*"))
    before = [(file.stat().st_mtime_ns, _examples(file)) for file in records]

    code, out, _ = run(*build)
    assert code == 0
    assert out.startswith(f"Already prepared (--overwrite builds it anew): {name}")
    assert [file.stat().st_mtime_ns for file in records] == [written for written, _ in before]

    code, out, _ = run(*build, "--overwrite")
    assert code == 0
    assert f"Prepared: {name}" in out
    assert all(f.stat().st_mtime_ns > w for f, (w, _) in zip(records, before, strict=True))
    assert [_examples(file) for file in records] == [content for _, content in before]
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


def test_never_looks_for_the_data_in_a_bucket(run, tmp_path, monkeypatch):
    monkeypatch.setattr(gcs_utils, "_is_gcs_disabled", False)
    looked_up = []
    monkeypatch.setattr(gcs_utils, "exists", lambda path: looked_up.append(path))
    code, _, _ = run("build", "blurred_text/pages", f"--data_dir={tmp_path}", "--count=1")
    assert code == 0
    assert looked_up == []


@pytest.mark.parametrize("name", ["blurred_text/x5", "blurred_text", "nothing/x4"])
def test_unknown_names_list_those_there_are(run, tmp_path, name):
    code, out, err = run("build", name, f"--data_dir={tmp_path}")
    assert code == 1
    assert out == ""
    assert err == (
        "tfdeblur data: NAME/CONFIG must be one of blurred_text/x4, blurred_text/pages. "
        f"Got: {name!r}.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("build",), ("make", "blurred_text/x4"), ("list", "x")])
def test_wrong_usage_says_what_is_right(run, arguments):
    code, _, err = run(*arguments)
    assert code == 1
    assert f"use `list` or `build NAME/CONFIG`. Got: {' '.join(arguments)!r}." in err


def test_killed_build_leaves_nothing_finished_and_can_be_repeated(run, tmp_path):
    build = ("build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=60")
    process = subprocess.Popen(
        [sys.executable, "-m", "tfdeblur_tools.prepare_data", *build],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    folder = tmp_path / "blurred_text" / "x4_count60"
    while process.poll() is None and not list(folder.glob("incomplete.*/*")):
        time.sleep(0.05)
    assert process.poll() is None, "the build ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert list(folder.glob("incomplete.*/*"))
    assert not (folder / "1.0.0").exists()
    with pytest.raises(tfds.core.DatasetNotFoundError):
        tfds.core.read_only_builder.builder_from_files(
            "blurred_text", config="x4_count60", data_dir=tmp_path
        )
    code, out, _ = run(*build)
    assert code == 0
    assert "Prepared: blurred_text/x4_count60 1.0.0: 60 train" in out


def test_failed_overwrite_keeps_what_was_there(run, tmp_path, monkeypatch):
    build = ("build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=1")
    run(*build)
    folder = tmp_path / "blurred_text" / "x4_count1" / "1.0.0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_, **__):
        raise OSError("no space left on the disk")

    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", fail)
    code, _, err = run(*build, "--overwrite")
    assert code == 1
    assert "no space left on the disk" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


def test_prepare_says_whether_it_wrote(tmp_path):
    _, config = prepare_data.find_builders()["blurred_text/x4"]
    module = sys.modules["tfdeblur_datasets.blurred_text.blurred_text_dataset_builder"]
    config = module.variant(config, count=1)
    make_builder = functools.partial(module.Builder, config=config, data_dir=tmp_path)
    assert [prepare.prepare(make_builder)[1] for _ in range(2)] == [True, False]
