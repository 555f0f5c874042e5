"""What a dry run says, against counts by hand, under a clock that ticks half a second a step."""

import dataclasses
import io
import itertools
import json
import re
import sys
from types import SimpleNamespace

import pytest

from tfdeblur.models.base import RestorationModel
from tfdeblur.stack import keras
from tfdeblur.studies import dry_run as module
from tfdeblur.studies.dry_run import GIB, dry_run, state_bytes
from tfdeblur.studies.training_cost import step_macs
from tfdeblur_configs import gfn_gopro, scgan_text


def _tiny(**fields):
    config = scgan_text.get_config("quicktest")
    config.model.width = 4
    config.model.objective = "pixel"
    config.runtime.precision = "float32"
    config.train = dataclasses.replace(config.train, **fields)
    return config


@pytest.fixture(scope="module")
def tiny():
    """72,000 steps of half a second are ten hours."""
    return _tiny(steps=72_000)


@pytest.fixture(scope="module")
def printed(tiny):
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        clock = itertools.count(0.0, 0.5)
        patch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
        dry_run(tiny, lines.append)
    return lines


def test_the_configuration_comes_first(tiny, printed):
    values = json.loads(printed[0])
    assert values == json.loads(json.dumps(dataclasses.asdict(tiny)))
    assert values["model"]["width"] == 4
    assert printed[1].startswith("runs on: 1 replica(s), float32, /physical_device:CPU:0")


def test_the_time_of_a_step_is_the_median_and_makes_the_rest(tiny, printed):
    """2 pairs and twice the MACs in half a second; the first step is shown apart."""
    macs = step_macs(tiny)
    assert f"a step of 2 pairs on a replica: {macs / 1e12:.4g} TMAC" in printed
    assert printed[-3:-1] == [
        "first step, with tracing: 0.5 s; then 0.500 s, 4.0 images/s, "
        f"{2 * macs / 0.5 / 1e9:.0f} GFLOP/s",
        "all 72,000 steps in the first phase's time: 10.0 h, without validation",
    ]
    peak = re.fullmatch(r"memory, measured: ([\d.]+) GiB at the peak of this process", printed[-1])
    assert peak and 0.1 < float(peak[1]) < 100


class _Enough(Exception):
    """Ends a dry run after the line that a test wants."""


def _printed_until(config, start):
    lines = []

    def report(line):
        lines.append(line)
        if line.startswith(start):
            raise _Enough

    with pytest.raises(_Enough):
        dry_run(config, report)
    return lines


def test_scgan_at_full_width():
    """docs/ablations.md has both networks; of 11 and of 3 norms the 64 means and variances rest.

    Float32: all weights, two slots of the trained ones, and each optimizer's step, which is int64.
    """
    config = scgan_text.get_config("quicktest")
    config.model.width = 64
    whole, trained = 1_083_587 + 201_537, 1_083_587 + 201_537 - 2 * (11 + 3) * 64
    state = 4 * (whole + 2 * trained) + 2 * 8
    assert _printed_until(config, "weights and")[2:] == [
        "network: 1,083,587 parameters, 1,082,179 trained",
        "discriminator: 201,537 parameters, 201,153 trained",
        f"weights and optimizer slots: {state / GIB:.3f} GiB",
    ]


def test_what_is_exported_differs_from_what_is_trained():
    """GFN's deblurred image: 3x3 from 8 channels to 8, and to 3. Its switch is not trained."""
    lines = _printed_until(gfn_gopro.get_config("quicktest"), "network")
    head = (9 * 8 * 8 + 8) + (9 * 8 * 3 + 3)
    assert lines[2] == f"generator: {56_535 - head:,} parameters"
    assert lines[3] == "network: 56,535 parameters, 56,534 trained"


def _model(*layers, **discriminators):
    image = keras.Input((None, None, 3))
    model = RestorationModel(keras.Sequential([image, *layers]), discriminators)
    judges = {name: keras.optimizers.Adam() for name in discriminators}
    model.compile(keras.optimizers.Adam(), judges)
    return model


def test_state_by_hand():
    """1x1 from 3 to 2 channels: 6 weights; a norm of 2 channels: 4, and 4 statistics.

    Adam has two slots of each of the 10 trained, and counts steps in 8 bytes.
    """
    layers = keras.layers.Conv2D(2, 1, use_bias=False), keras.layers.BatchNormalization()
    model = _model(*layers)
    whole = 4 * (6 + 4 + 4) + 2 * 4 * 10 + 8
    assert state_bytes(model, averaged=False) == whole
    assert state_bytes(model, averaged=True) == whole + 4 * 10


def test_state_of_discriminators_and_of_a_frozen_extractor():
    """A discriminator of 3 + 1 weights has slots, an extractor of 3 * 5 none."""
    judge = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    alone = state_bytes(_model(keras.layers.Conv2D(3, 1)), averaged=False)
    model = _model(keras.layers.Conv2D(3, 1), judge=judge)
    judged = alone + 4 * 4 + 2 * 4 * 4 + 8
    assert state_bytes(model, averaged=False) == judged
    model.extractor = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(5, 1, use_bias=False)]
    )
    model.extractor.trainable = False
    assert state_bytes(model, averaged=False) == judged + 4 * 15


@pytest.fixture
def two_replicas(monkeypatch):
    monkeypatch.setattr(module, "make_strategy", lambda _: SimpleNamespace(num_replicas_in_sync=2))


def test_a_replica_takes_its_share(two_replicas, monkeypatch):
    """Of 4 pairs 2; here a pair takes 1 TMAC and 1.5 GiB, beside less than a MiB of weights."""
    monkeypatch.setattr(module, "step_macs", lambda config, pairs: pairs * 10**12)
    monkeypatch.setattr(module, "trace_step", lambda config, model, pairs: pairs)
    monkeypatch.setattr(module, "tensor_bytes", lambda pairs: pairs * 3 * GIB // 2)
    assert _printed_until(_tiny(batch_size=4), "memory, estimate")[-2:] == [
        "a step of 2 pairs on a replica: 2 TMAC",
        "memory, estimate: at most 3.00 GiB, if no tensor of a step were freed",
    ]


def test_what_training_refuses_is_refused(two_replicas):
    with pytest.raises(ValueError, match=r"multiple of 2, .* times replicas \(2\). Got: 3"):
        dry_run(_tiny(batch_size=3), lambda line: None)


def test_data_that_is_not_there_is_found_at_once(tmp_path):
    config, lines = _tiny(), []
    config.data.source, config.data.name = "prepared", "nothing"
    config.data.data_dir = str(tmp_path)
    with pytest.raises(ValueError, match="`nothing` is neither a folder nor prepared in"):
        dry_run(config, lines.append)
    assert len(lines) == 2


def test_a_killed_process_has_printed_what_it_knew(monkeypatch):
    """As where memory is too small: what is printed into a pipe must not wait for an end."""
    pipe, printed = io.BytesIO(), []

    def killed(*_):
        printed.append(pipe.getvalue().decode())
        raise _Enough

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe))
    monkeypatch.setattr(module, "step_macs", killed)
    with pytest.raises(_Enough):
        dry_run(_tiny())
    assert printed[0].splitlines()[-1].startswith("weights and optimizer slots: ")
