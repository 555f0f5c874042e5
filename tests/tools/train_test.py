"""`tfdeblur train`: what it asks for, what it hands to its workers, the dry run."""

import json

import pytest
import toy_gan

from tfdeblur.training import launch, train
from tfdeblur.training.stop_signal import Interrupted
from tfdeblur_tools.main import main

TINY = (
    "--config=scgan_text:quicktest",
    "--config.model.width=4",
    "--config.model.objective=pixel",
    "--config.train.batch_size=2",
    "--config.runtime.precision=float32",
)


@pytest.mark.parametrize("more", [(), ("--local_workers=2",)])
def test_a_run_needs_a_folder(run, more):
    assert run("train", *TINY, *more) == (
        2,
        "",
        "tfdeblur train: --workdir must name the run's folder. Got: none.\n",
    )


def test_there_is_a_worker_at_least(run, tmp_path):
    code, out, err = run("train", *TINY, f"--workdir={tmp_path}", "--local_workers=0")
    assert (code, out) == (2, "")
    assert "--local_workers=0" in err


@pytest.fixture
def launched(monkeypatch):
    """Take the place of `launch`, which returns the exit code 7."""
    calls = []
    monkeypatch.setattr(launch, "launch", lambda *call: calls.append(call) or 7)
    return calls


@pytest.mark.parametrize("more", [(), ("--config.runtime.strategy=none",), ("--", "a"), ("a",)])
def test_workers_train_with_the_same_flags(run, launched, monkeypatch, tmp_path, more):
    """The program that they run is run here: it must not start workers itself."""
    seen = []

    def fake_train(config, workdir):
        seen.append((config, workdir))
        raise Interrupted(3)

    monkeypatch.setattr(train, "train", fake_train)
    code, *_ = run("train", *TINY, f"--workdir={tmp_path}", "--local_workers=2", *more)
    ((command, count),) = launched
    assert (code, count) == (7, 2)
    assert command[1:4] == ["-m", "tfdeblur_tools.main", "train"]
    assert main(command[3:]) == 143
    ((config, workdir),) = seen
    assert config.runtime.strategy == "multi_worker" and config.model.width == 4
    assert workdir == str(tmp_path) and len(launched) == 1


def test_workers_share_a_dry_run(run, launched):
    """So it tells what each of them takes."""
    assert run("train", *TINY, "--dry_run", "--local_workers=2")[0] == 7
    assert "--dry_run" in launched[0][0]


def test_a_dry_run_writes_nothing(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = (f"--config={toy_gan.__file__}", "--config.model.objective=pixel")
    steps = "--config.train.steps=8"
    code, out, err = run("train", *config, steps, "--dry_run", f"--workdir={tmp_path / 'run'}")
    assert code == 0, err
    values, rest = json.JSONDecoder().raw_decode(out)
    assert values["train"]["batch_size"] == 2
    told = [line.split(":")[0] for line in out[rest:].split("\n")[1:-1]]
    assert told == [
        "runs on",
        "network",
        "weights and optimizer slots",
        "a step of 2 pairs on a replica",
        "memory, estimate",
        "first step, with tracing",
        "all 8 steps in the first phase's time",
        "memory, measured",
    ]
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("train.steps=0", "`train.steps` must be at least 1. Got: 0."),
        ("data.source=prepared", "`blurred_text/x4` is neither a folder nor prepared in "),
        ("runtime.strategy=multi_worker", "`runtime.strategy` multi_worker needs "),
    ],
)
def test_a_dry_run_refuses_what_training_refuses(run, tmp_path, monkeypatch, field, rule):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    code, _, err = run(
        "train", *TINY, "--dry_run", f"--config.{field}", f"--config.data.data_dir={tmp_path}"
    )
    assert code == 1
    told = [line for line in err.splitlines() if line.startswith("tfdeblur train: ")]
    assert len(told) == 1 and rule in told[0]
    assert err.splitlines()[-1] == told[0]
