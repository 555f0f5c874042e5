import functools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import flags
from tensorflow_datasets.core.utils import gcs_utils

from tfdeblur.data import prepare
from tfdeblur.degradations import kernel_bank
from tfdeblur.degradations.kernel_bank import load_bank
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.images.files import read_image, write_image
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


@pytest.mark.parametrize(
    "arguments",
    [(), ("build",), ("make", "blurred_text/x4"), ("list", "x"), ("kernels", "spline")],
)
def test_wrong_usage_says_what_is_right(run, arguments):
    code, _, err = run(*arguments)
    assert code == 1
    assert err.startswith("tfdeblur data: use `list`, `build NAME/CONFIG`")
    assert "`kernels`" in err and "`check PATH_OR_NAME`" in err
    assert f"Got: {' '.join(arguments)!r}." in err


def test_kernels_are_drawn_kept_extended_and_listed(run, tmp_path):
    bank, sheet = tmp_path / "bank.npz", tmp_path / "sheet.png"
    draw = ("kernels", "--family=spline", "--count=3", "--seed=7", f"--bank={bank}")
    code, out, _ = run(*draw, f"--sheet={sheet}")
    assert code == 0
    assert out == f"Written: {bank}: 3 kernels\nDrawn: {sheet}: 3 of 3 kernels\n"
    np.testing.assert_array_equal(read_image(sheet), kernel_bank.kernel_sheet(load_bank(bank)))

    np.save(tmp_path / "mine.npy", np.eye(4))
    code, out, _ = run("kernels", f"--bank={bank}", f"--add={tmp_path / 'mine.npy'}")
    assert (code, out) == (0, f"Written: {bank}: 4 kernels\n")

    code, out, _ = run("kernels", f"--bank={bank}")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        *(f"spline/7/{index}" for index in range(3)),
        "mine.npy",
    ]

    code, _, err = run(*draw)
    assert code == 1
    assert err == f"tfdeblur data: {bank}: is there already; `overwrite` replaces it.\n"
    assert run(*draw, "--overwrite")[0] == 0
    assert len(load_bank(bank)) == 3


def test_kernels_without_a_bank_are_listed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("kernels", "--family=gaussian", "--count=2")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["gaussian/0/0", "gaussian/0/1"]
    assert list(tmp_path.iterdir()) == []


def test_kernels_names_what_is_wrong(run, tmp_path):
    assert "`family` must be one of text, trajectory" in run("kernels", "--family=box")[2]
    assert "needs a `family`" in run("kernels")[2]
    code, _, err = run("kernels", f"--bank={tmp_path / 'none.npz'}")
    assert code == 1
    assert "none.npz" in err


def _write_pairs(folder, count=2):
    for index in range(count):
        pair = TextRecipe(patch_size=64, patches_per_page=1).pair(0, index, "train")
        write_image(folder / "lr" / f"{index}.png", pair.lr)
        write_image(folder / "hr" / f"{index}.png", pair.hr)


def test_check_says_what_is_wrong(run, tmp_path):
    folder, page = tmp_path / "photos", tmp_path / "report.html"
    _write_pairs(folder)
    code, out, _ = run("check", folder)
    assert code == 0
    assert f"{folder}:" in out and "2 pairs examined" in out and "error" not in out

    (folder / "hr" / "1.png").unlink()
    code, out, _ = run("check", folder, f"--html={page}", "--limit=1", "--scale=4")
    assert code == 1
    assert "error    no_partner      lr/1.png" in out
    assert "1 pairs examined" in out
    assert "lr/1.png" in page.read_text("utf-8")

    code, out, _ = run("check", folder, "--scale=2", "--patch_size=65")
    assert code == 1
    assert "The scale must be 2, as asked for. Got: 4 (16x16 px and 64x64 px)." in out
    assert "at least 65 px" in out


def test_check_takes_splits_and_prepared_data(run, tmp_path):
    for split in ("train", "test"):
        _write_pairs(tmp_path / "photos" / split)
    code, out, _ = run("check", tmp_path / "photos")
    assert code == 1 and "No target may be in two splits." in out
    code, out, _ = run("check", tmp_path / "photos", "--split=test")
    assert code == 0 and "2 pairs examined" in out

    run("build", "blurred_text/x4", f"--data_dir={tmp_path}", "--count=2")
    check = ("check", "blurred_text/x4_count2", f"--data_dir={tmp_path}")
    code, out, _ = run(*check, "--split=train,test")
    assert code == 0 and "4 pairs examined" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "use `check PATH_OR_NAME`. Got: ''."),
        (("a", "b"), "use `check PATH_OR_NAME`. Got: 'a b'."),
        (("nothing",), "`nothing` is neither a folder nor prepared in"),
        ((".",), "`.` must hold either lr/ and hr/ or blurry/ and sharp/. Got: an empty folder."),
    ],
)
def test_check_of_nothing_is_wrong_usage(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("check", *arguments, "--data_dir=.")
    assert (code, out) == (2, "")
    assert err.startswith("tfdeblur data: ") and message in err


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
