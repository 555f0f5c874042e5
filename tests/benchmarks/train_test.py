"""The benchmark of a training: turns, laws of its figures, what it refuses."""

import json
import statistics
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import pytest
import tensorflow as tf
from toy_gan import toy_experiment

from tfdeblur.benchmarks import train as benchmark_train
from tfdeblur.benchmarks.train import (
    SETTLE,
    Continued,
    describe,
    measure_training,
    scaling,
    take_turns,
    use_replicas,
)
from tfdeblur.stack import keras
from tfdeblur.studies.training_cost import step_macs
from tfdeblur_configs import scgan_text


def _tiny():
    config = scgan_text.get_config("quicktest")
    config.model.width = 4
    config.model.objective = "pixel"
    config.runtime.precision = "float32"
    return config


@pytest.fixture(scope="module")
def measured():
    """The toy, beside convolutions that are quickly done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_train, "PEAK_IMAGES", (1, 32, 32))
        return measure_training(toy_experiment(objective="pixel"), rounds=2, steps=1)


def test_it_says_what_was_measured(measured):
    assert json.loads(json.dumps(measured)) == measured
    told = [measured[name] for name in ("experiment", "batch_size", "replicas", "precision")]
    assert told == ["toy", 2, 1, "float32"]
    assert measured["step_macs"] == step_macs(toy_experiment(objective="pixel"))
    assert measured["machine"]["tensorflow"] == metadata.version("tensorflow")
    assert 0.1 < measured["peak_gib"]["this process"] < 100


def test_laws_of_the_figures(measured):
    """Of two rounds the median is the mean; a MAC is two operations."""
    for rates in (*measured["seconds"].values(), measured["fit_to_bare"]):
        assert 0 < rates["least"] <= rates["most"]
        assert rates["median"] == pytest.approx((rates["least"] + rates["most"]) / 2)
    run, bare = (measured["seconds"][name]["median"] for name in ("run", "bare"))
    assert measured["images_per_second"] == pytest.approx(2 / run)
    assert measured["gflops"] == pytest.approx(2 * measured["step_macs"] / run / 1e9)
    assert measured["gflops_bare"] == pytest.approx(2 * measured["step_macs"] / bare / 1e9)
    assert measured["share_of_peak"] == pytest.approx(measured["gflops"] / measured["peak_gflops"])


def test_figures_by_hand(monkeypatch):
    """A step takes 1, 2 and 4 s bare, in `fit` and in a run, then 1, 3 and 4 s.

    So it waits for a half, then for a quarter of the time. The convolutions take 8 x 96 x 96 times
    9 x 128 x 128 and 25 x 64 x 64 MACs, in 0.1 s at best and worst.
    """
    taken = {"bare": [1.0, 1.0], "fit": [2.0, 3.0], "run": [4.0, 4.0]}
    taken |= {f"peak{shape}": [0.2, 0.1] for shape in benchmark_train.PEAK_SHAPES}
    monkeypatch.setattr(benchmark_train, "_turns", lambda *_: {})
    monkeypatch.setattr(benchmark_train, "take_turns", lambda *_: taken)
    found = measure_training(_tiny(), rounds=2, steps=1)
    assert found["fit_to_bare"] == {"median": 2.5, "least": 2.0, "most": 3.0}
    assert found["waiting"] == statistics.mean([1 - 2 / 4, 1 - 3 / 4])
    assert found["images_per_second"] == 2 / 4
    assert found["peak_gflops"] == pytest.approx(2 * 8 * 96 * 96 * 9 * 128 * 128 / 0.1 / 1e9)


def test_all_take_turns_and_settle_first(monkeypatch):
    """A step of `a` takes 1 s and one of `b` 2 s, but ten times as long while it settles."""
    clock, calls = [0.0], []
    monkeypatch.setattr(benchmark_train, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def turn(name, seconds, steps):
        calls.append((name, steps))
        clock[0] += seconds * steps * (10 if steps == SETTLE else 1)

    turns = {
        "a": lambda steps: turn("a", 1.0, steps),
        "b": lambda steps: turn("b", 2.0, steps),
    }
    assert take_turns(turns, rounds=2, steps=4) == {"a": [1.0, 1.0], "b": [2.0, 2.0]}
    assert calls == [("a", SETTLE), ("a", 4), ("b", SETTLE), ("b", 4)] * 2


class _Reader(keras.Model):
    """Trains nothing; its loss is what it reads."""

    def train_step(self, data):
        return {"loss": data}


def test_a_stream_continues_where_the_last_fit_ended():
    """Of 3, 2 and 1 steps the last reads 2, 4 and 5."""
    stream = Continued(tf.data.Dataset.range(100))
    model = _Reader()
    model.compile()
    last = [model.fit(stream, steps_per_epoch=n, verbose=0).history["loss"][0] for n in (3, 2, 1)]
    assert last == [2, 4, 5]


def test_text_by_hand():
    """0.25 s a step and 5 of 20 GFLOP/s; a wait that is less than none is none."""
    rates = {"median": 0.25, "least": 0.2, "most": 0.3}
    text = describe(
        {
            "experiment": "toy",
            "batch_size": 4,
            "replicas": 1,
            "precision": "float32",
            "seconds": {name: rates for name in ("bare", "fit", "run")},
            "fit_to_bare": {"median": 1.0, "least": 0.9, "most": 1.1},
            "waiting": -0.02,
            "images_per_second": 16.0,
            "step_macs": 625_000_000,
            "gflops": 5.0,
            "gflops_bare": 10.0,
            "peak_gflops": 20.0,
            "share_of_peak": 0.25,
            "peak_gib": {"this process": 1.5, "/device:GPU:0": 0.25},
        }
    )
    assert text.splitlines() == [
        "toy: batch 4, float32, 1 replica(s), 0.000625 TMAC a step",
        "  images/s          16.00",
        "  seconds of a step 0.250 (0.200-0.300); on one batch 0.250 (0.200-0.300); "
        "bare loop 0.250 (0.200-0.300)",
        "  fit / bare loop   1.00 (0.90-1.10)",
        "  waiting for data  0.0%",
        "  GFLOP/s           5 of 20, 25% of the convolutions' peak (bare loop 50%)",
        "  peak memory       1.50 GiB, of this process",
        "  peak memory       0.25 GiB, of /device:GPU:0",
    ]


def _of_replicas(replicas, speed):
    seconds = {"run": {"median": 4 / speed}}
    figures = {"replicas": replicas, "images_per_second": speed, "seconds": seconds}
    return {"experiment": "toy", "batch_size": 4, **figures}


def test_scaling_is_printed_beside_the_first():
    assert scaling([_of_replicas(1, 16.0), _of_replicas(2, 24.0)]).splitlines() == [
        "toy: batch 4",
        "    1 replica(s):    16.00 images/s, 1.00 times the first, 0.250 s a step",
        "    2 replica(s):    24.00 images/s, 1.50 times the first, 0.167 s a step",
    ]


def test_replicas_are_gpus_where_there_are_some(monkeypatch):
    visible = []
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [f"{kind}:{n}" for n in (0, 1)]
    )
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *what: visible.append(what))
    config = _tiny()
    use_replicas(config, 1)
    assert config.runtime.strategy == "none"
    use_replicas(config, 2)
    assert config.runtime.strategy == "mirrored"
    assert visible == [(["GPU:0"], "GPU"), (["GPU:0", "GPU:1"], "GPU")]
    with pytest.raises(ValueError, match="`--replicas` must be at most 2, the GPUs. Got: 3."):
        use_replicas(config, 3)


@pytest.mark.slow
def test_two_replicas_divide_a_batch(tmp_path):
    """In a process of its own, as logical CPUs must be made before TensorFlow is used."""
    file = tmp_path / "measured.json"
    config = ["--config=scgan_text:quicktest", "--config.model.objective=pixel"]
    quick = ["--config.model.width=4", "--config.runtime.precision=float32", "--rounds=1"]
    program = [sys.executable, "-m", "tfdeblur_tools.main", "benchmark", "train"]
    command = [*program, *config, *quick, "--steps=1", "--replicas=2", f"--json={file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads(file.read_text())
    assert (measured["replicas"], measured["batch_size"]) == (2, 2)
    assert measured["step_macs"] == step_macs(_tiny())
    assert measured["images_per_second"] == pytest.approx(2 / measured["seconds"]["run"]["median"])
    assert "2 replica(s)" in done.stdout.splitlines()[0]


def test_data_that_is_not_there_is_found_before_the_model_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_train, "step_macs", lambda *_: pytest.fail("too late"))
    config = _tiny()
    config.data.source, config.data.name = "prepared", "nothing"
    config.data.data_dir = str(tmp_path)
    with pytest.raises(ValueError, match="`nothing` is neither a folder nor prepared in"):
        measure_training(config, rounds=1, steps=1)
