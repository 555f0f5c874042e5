"""Trainings of several processes on this machine."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from tfdeblur.training.launch import launch
from tfdeblur.training.workers import Workers, workers_of_environment

TRAIN = (
    "--config=scgan_text:quicktest",
    "--config.model.width=4",
    "--config.model.objective=pixel",
    "--config.runtime.precision=float32",
    "--config.train.steps=8",
    "--config.train.validate_every=8",
    "--config.train.log_every=1",
    "--config.train.average_decay=0.9",
)


def _command(workdir):
    program = [sys.executable, "-m", "tfdeblur_tools.main", "train", *TRAIN]
    return [*program, "--local_workers=2", f"--workdir={workdir}"]


def _hashes(run):
    return re.findall(r"weights sha256: ([0-9a-f]{64})", run.stdout + run.stderr)


@pytest.mark.slow
def test_workers_stop_together_and_resume_to_the_same_weights(tmp_path):
    """Both end in the same hash; SIGTERM, to the launcher alone, leaves a run that can go on."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    arguments = {"capture_output": True, "text": True, "env": env}
    whole = subprocess.run(_command(tmp_path / "whole"), **arguments)
    assert whole.returncode == 0, whole.stderr[-3000:]
    first, second = _hashes(whole)
    assert first == second
    assert json.loads((tmp_path / "whole" / "environment.json").read_text())["workers"] == 2
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        parts = subprocess.Popen(_command(tmp_path / "parts"), stderr=file, text=True, env=env)
        while "Step 2 of 8" not in log.read_text() and parts.poll() is None:
            time.sleep(0.05)
        parts.send_signal(signal.SIGTERM)
        code = parts.wait(timeout=120)
    assert code == 143, log.read_text()[-3000:]
    stopped = re.findall(r"Interrupted after step (\d)", log.read_text())
    assert len(stopped) == 2 and stopped[0] == stopped[1]
    rest = subprocess.run(_command(tmp_path / "parts"), **arguments)
    assert _hashes(rest) == [first, first]


def test_the_others_are_ended_with_a_worker_that_fails(tmp_path, monkeypatch, capfd):
    """Worker 1 leaves with 5; the chief would wait for ever."""
    monkeypatch.setattr("tfdeblur.training.launch.GRACE_SECONDS", 0.5)
    script = (
        "import json, os, sys, time\n"
        "task = json.loads(os.environ['TF_CONFIG'])\n"
        "print('addresses', len(set(task['cluster']['worker'])), flush=True)\n"
        "if task['task']['index'] == 1: sys.exit(5)\n"
        "time.sleep(600)\n"
    )
    started = time.monotonic()
    assert launch([sys.executable, "-c", script], 2) == 5
    assert time.monotonic() - started < 60
    captured = capfd.readouterr()
    assert "addresses 2" in captured.out
    assert "[worker 1] addresses 2" in captured.err
    assert "a worker has failed" in captured.err


def test_exit_codes_and_signals():
    assert launch([sys.executable, "-c", "pass"], 3) == 0
    kill = "import os; os.kill(os.getpid(), 9)"
    assert launch([sys.executable, "-c", kill], 2) == 128 + 9
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("text", ["{", "[]", '{"cluster": {}}', '{"cluster": {"worker": 2}}'])
def test_bad_lists_of_workers_are_refused(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG must be JSON with `cluster`"):
        workers_of_environment()


def test_workers_of_the_environment(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert workers_of_environment() == 0
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster}))
    assert workers_of_environment() == 3


def test_one_process_agrees_with_itself():
    workers = Workers.of(tf.distribute.get_strategy())
    assert (workers.is_chief, workers.count) == (True, 1)
    assert workers.any(True) and not workers.any(False)
    assert workers.from_chief(-2.5) == -2.5
    workers.check_equal("finished steps", 3, "or else")


def test_folders_that_are_not_shared_are_found_out(monkeypatch):
    """The chief has gone 5 steps, this one none; or this one 5 as well, and another none."""
    workers = Workers(tf.distribute.get_strategy(), index=1, count=2)
    monkeypatch.setattr(Workers, "from_chief", lambda self, value: 5.0)
    for others, value in ((False, 0), (True, 5)):
        monkeypatch.setattr(Workers, "any", lambda self, value, others=others: value or others)
        told = f"same finished steps: why. Got: {value} here, 5 at the chief"
        with pytest.raises(ValueError, match=told):
            workers.check_equal("finished steps", value, "why")
