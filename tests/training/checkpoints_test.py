"""Checkpoints of a run that was killed, of a full disk, of damaged files."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from toy_gan import eager_steps, run_weights, toy_experiment

from tfdeblur.training.checkpoints import CheckpointError
from tfdeblur.training.experiment import load_trained
from tfdeblur.training.train import train
from tfdeblur_configs import scgan_text

pytestmark = pytest.mark.usefixtures("steps_eagerly")


@pytest.fixture(scope="module")
def four_steps(tmp_path_factory):
    """A finished run with checkpoints of steps 2 and 4."""
    folder = tmp_path_factory.mktemp("four_steps")
    with eager_steps():
        train(toy_experiment(steps=4), folder)
    return folder


@pytest.mark.slow
def test_killed_run_resumes_from_its_last_checkpoint(tmp_path):
    command = [
        sys.executable,
        "-m",
        "tfdeblur_tools.train",
        "--config=scgan_text:quicktest",
        f"--workdir={tmp_path}",
        "--config.model.width=4",
        "--config.model.objective=pixel",
        "--config.runtime.precision=float32",
    ]
    run = subprocess.Popen(
        [*command, "--config.train.steps=100000", "--config.train.validate_every=100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    latest = tmp_path / "checkpoints" / "latest"
    try:
        while not any(latest.glob("step-[1-9]*.index")):
            assert run.poll() is None, "training ended before its first checkpoint"
            time.sleep(0.2)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    reached = load_trained(tmp_path, "latest").step
    assert reached >= 2
    config = scgan_text.get_config("quicktest")
    config.model.width, config.model.objective = 4, "pixel"
    config.runtime.precision = "float32"
    config.train.steps = reached + 2
    config.train.validate_every = 100000
    assert train(config, tmp_path)["step"] == reached + 2
    assert load_trained(tmp_path, "latest").step == reached + 2


def test_damaged_checkpoints_are_not_counted(four_steps, tmp_path):
    """After one of step 4 that is damaged come 2 and 3: both stay, it goes."""
    shutil.copytree(four_steps, tmp_path, dirs_exist_ok=True)
    latest = tmp_path / "checkpoints" / "latest"
    newest = next(latest.glob("step-4.data*"))
    newest.write_bytes(newest.read_bytes()[:500])
    train(toy_experiment(steps=3), tmp_path)
    assert {path.stem for path in latest.glob("*.index")} == {"step-2", "step-3"}


def test_damaged_newest_checkpoint_falls_back_to_the_one_before(four_steps, tmp_path):
    shutil.copytree(four_steps, tmp_path, dirs_exist_ok=True)
    latest = tmp_path / "checkpoints" / "latest"
    newest = next(latest.glob("step-4.data*"))
    newest.write_bytes(newest.read_bytes()[:500])
    assert train(toy_experiment(steps=5), tmp_path)["step"] == 5  # From step 2 on.
    for path in latest.glob("*.data*"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="None of these checkpoints can be read"):
        train(toy_experiment(steps=6), tmp_path)
    with pytest.raises(ValueError, match="must be a whole checkpoint of toy_generator"):
        load_trained(tmp_path, "latest")


def test_checkpoint_that_cannot_be_written_names_the_last_good_one(tmp_path, monkeypatch):
    """As on a full disk; the one before stays and can be gone on from."""
    train(toy_experiment(steps=2, objective="pixel"), tmp_path)

    def full(self, *arguments, **named):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "_write", full)
        with pytest.raises(CheckpointError, match=r"step 4 .*No space left.*The last good.*step-2"):
            train(toy_experiment(steps=4, objective="pixel"), tmp_path)
    assert load_trained(tmp_path, "latest").step == 2
    assert train(toy_experiment(steps=3, objective="pixel"), tmp_path)["step"] == 3


def test_checkpoint_that_reads_back_damaged_is_an_error(tmp_path, monkeypatch):
    """It is removed, and no older one for it."""
    write = tf.train.Checkpoint.write

    def damage(self, path, *arguments, **named):
        written = write(self, path, *arguments, **named)
        if path.endswith("step-6"):
            data = next(tmp_path.glob("checkpoints/latest/step-6.data*"))
            data.write_bytes(data.read_bytes()[:-100] + bytes(100))
        return written

    monkeypatch.setattr(tf.train.Checkpoint, "write", damage)
    with pytest.raises(CheckpointError, match=r"step 6 must be written and read back.*step-4\."):
        train(toy_experiment(steps=6, objective="pixel"), tmp_path)
    steps = {path.stem for path in tmp_path.glob("checkpoints/latest/*.index")}
    assert steps == {"step-2", "step-4"}
    monkeypatch.undo()
    assert train(toy_experiment(steps=5, objective="pixel"), tmp_path)["step"] == 5


def test_finished_run_trains_no_further(four_steps, tmp_path):
    shutil.copytree(four_steps, tmp_path, dirs_exist_ok=True)
    assert train(toy_experiment(steps=4), tmp_path)["step"] == 4
    for first, second in zip(run_weights(four_steps), run_weights(tmp_path), strict=True):
        np.testing.assert_array_equal(first, second)
