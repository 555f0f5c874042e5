"""`tfdeblur benchmark train`: flags in, figures and exit codes out."""

import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfdeblur.benchmarks import replicas
from tfdeblur.benchmarks.train import describe

TINY = (
    "--config=scgan_text:quicktest",
    "--config.model.width=4",
    "--config.model.objective=pixel",
    "--config.runtime.precision=float32",
)


@pytest.mark.slow
def test_an_experiment_is_timed(run, tmp_path):
    figures = tmp_path / "speed.json"
    code, out, err = run(
        "benchmark", "train", *TINY, "--rounds=1", "--steps=2", f"--json={figures}"
    )
    assert code == 0, err
    measured = json.loads(figures.read_text())
    assert out == describe(measured) + "\n"
    assert measured["experiment"] == "scgan_text" and measured["replicas"] == 1
    assert list(tmp_path.iterdir()) == [figures]


def _figures(replicas):
    speed = 8.0 * replicas
    return {
        "experiment": "toy",
        "batch_size": 4,
        "replicas": replicas,
        "images_per_second": speed,
        "seconds": {"run": {"median": 4 / speed}},
    }


@pytest.fixture
def processes(monkeypatch):
    """Take the place of processes, which end with the exit codes in `codes`."""
    state = SimpleNamespace(commands=[], codes=itertools.repeat(0))

    def start(command, **options):
        state.commands.append(command)
        code = next(state.codes)
        if not code:
            count, figures = (flag.partition("=")[2] for flag in command[-2:])
            Path(figures).write_text(json.dumps(_figures(int(count))))
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr(replicas.subprocess, "run", start)
    return state


@pytest.mark.parametrize("more", [(), ("--", "a"), ("a",)])
def test_each_number_of_replicas_has_a_process(run, processes, tmp_path, more):
    """The last of a flag counts, where it is no argument behind dashes."""
    figures = tmp_path / "speed.json"
    flags = (*TINY, "--rounds=2", "--replicas=1,2", f"--json={figures}", *more)
    code, out, err = run("benchmark", "train", *flags)
    assert code == 0, err
    assert out == (
        "toy: batch 4\n"
        "    1 replica(s):     8.00 images/s, 1.00 times the first, 0.500 s a step\n"
        "    2 replica(s):    16.00 images/s, 2.00 times the first, 0.250 s a step\n"
    )
    assert json.loads(figures.read_text()) == [_figures(1), _figures(2)]
    first, second = processes.commands
    assert first[:5] == [sys.executable, "-m", "tfdeblur_tools.main", "benchmark", "train"]
    assert "--rounds=2" in first and "--config.model.width=4" in first and "--" not in first
    assert (first[-2], second[-2]) == ("--replicas=1", "--replicas=2")
    assert str(tmp_path) not in first[-1]


def test_what_a_process_fails_with_is_passed_on(run, processes):
    """It has said why; a signal leaves it no time to."""
    flags = ("benchmark", "train", *TINY, "--rounds=2", "--replicas=1,2")
    processes.codes = iter([0, 1])
    code, out, err = run(*flags)
    assert code == 1 and "times the first" not in out and err == ""
    processes.codes = iter([-9])
    assert run(*flags) == (
        1,
        "",
        "tfdeblur benchmark train: Training on 1 replica(s) must end well. Got: signal 9.\n",
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--replicas=two", "flag --replicas=['two']: must be whole numbers from 1 on, divided by"),
        (
            "--replicas=0,1",
            "flag --replicas=['0', '1']: must be whole numbers from 1 on, divided by",
        ),
        ("--rounds=0", "flag --rounds=0: 0 is not a positive integer"),
        ("--json=", "--json must not be empty."),
        ("--config.model.wide=3", "wide"),
    ],
)
def test_wrong_flags(run, flag, message):
    code, out, err = run("benchmark", "train", *TINY, flag)
    assert (code, out) == (2, "")
    assert message in err and "Traceback" not in err


def test_an_experiment_must_be_known(run):
    code, out, err = run("benchmark", "train", "--config=nosuch")
    assert (code, out) == (2, "")
    assert "`--config` must be" in err and "Got: 'nosuch'." in err


def test_data_must_be_there(run, tmp_path):
    data = ("--config.data.source=prepared", f"--config.data.data_dir={tmp_path}")
    code, out, err = run("benchmark", "train", *TINY, *data)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith(
        "tfdeblur benchmark train: `blurred_text/x4` is neither a folder nor prepared in "
    )
    assert "Traceback" not in err
