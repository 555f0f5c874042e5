"""What a run can be asked for: averages, an early end, other starts, records of all kinds."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import toy_gan
from toy_gan import eager_steps, toy_experiment

from tfdeblur.stack import keras
from tfdeblur.training.averaging import AveragedWeights
from tfdeblur.training.experiment import load_trained
from tfdeblur.training.initialise import initialise
from tfdeblur.training.scalars import Scalars
from tfdeblur.training.train import build_model, train
from tfdeblur_configs import scgan_text

EAGER = pytest.mark.usefixtures("steps_eagerly")


def _config(steps=4, width=4):
    config = scgan_text.get_config("quicktest")
    config.model.width, config.model.objective = width, "pixel"
    config.train.steps = config.train.validate_every = steps
    config.train.log_every, config.train.profile = 2, (2, 3)
    config.runtime.precision = "float32"
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of SCGAN's generator: four steps, of which the second and third are profiled."""
    folder = tmp_path_factory.mktemp("run")
    with eager_steps():
        train(_config(), folder)
    return folder


def _dense(value=0.0):
    image = keras.Input((1,))
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(image, keras.layers.BatchNormalization()(layer(image)))
    layer.kernel.assign([[value]])
    return model, layer.kernel


def test_average_by_hand():
    """d = min(0.5, (1 + k) / (10 + k)): 2/11, 3/12; the weight is 11 and then 12.

    0 + 9/11 * 11 = 9; 9 + 3/4 * (12 - 9) = 11.25.
    """
    network, weight = _dense()
    average = AveragedWeights(network, decay=0.5)
    weight.assign([[11.0]])
    average.update(tf.constant(1))
    assert average.averages[0].numpy().item() == pytest.approx(9.0)
    weight.assign([[12.0]])
    average.update(tf.constant(2))
    assert average.averages[0].numpy().item() == pytest.approx(11.25)
    average.update(tf.constant(10_000))
    assert average.averages[0].numpy().item() == pytest.approx(11.25 + 0.5 * 0.75)


def test_average_leaves_what_is_not_trained():
    network, weight = _dense(3.0)
    average = AveragedWeights(network, decay=0.5)
    weight.assign([[5.0]])
    network.layers[-1].moving_mean.assign([7.0])
    values = dict(
        zip([w.name for w in network.weights], average.read(network.weights), strict=True)
    )
    assert values.pop(weight.name) == 3.0
    assert 7.0 in [float(value[0]) for value in values.values()]
    average.start()
    assert average.read([weight])[0] == 5.0


@EAGER
def test_a_run_scores_and_exports_its_average(tmp_path):
    """Interrupted as not; the hash knows the average."""
    config = toy_experiment(steps=4)
    config.optimizer.learning_rate, config.train.average_decay = 1e-2, 0.9
    config.train.validate_every = 2
    whole = train(config, tmp_path / "whole")
    plain = toy_experiment(steps=4)
    plain.optimizer.learning_rate, plain.train.validate_every = 1e-2, 2
    other = train(plain, tmp_path / "plain")
    assert whole["weights_sha256"] != other["weights_sha256"]
    assert whole["validation"]["restored"]["psnr"] != other["validation"]["restored"]["psnr"]
    averaged, raw = (
        load_trained(tmp_path / name, "latest").generator.get_weights()
        for name in ("whole", "plain")
    )
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(averaged, raw, strict=True))
    config.train.steps = 2
    train(config, tmp_path / "parts")
    config.train.steps = 4
    assert train(config, tmp_path / "parts")["weights_sha256"] == whole["weights_sha256"]


@EAGER
def test_a_run_ends_once_its_score_stops_rising(tmp_path, monkeypatch):
    """The best validation is the second of 7, 8, 8, 8, 8, ...: two more, and it is the end."""
    scores = iter([7.0] + [8.0] * 100)
    summary = {"baseline": {"psnr": 0.0, "ssim": 0.0}}
    monkeypatch.setattr(
        "tfdeblur.training.validation.summarise",
        lambda *_: {**summary, "restored": {"psnr": next(scores), "ssim": 0.0}},
    )
    config = toy_experiment(steps=20)
    config.train.validate_every, config.train.patience = 1, 2
    assert train(config, tmp_path)["step"] == 4
    assert train(config, tmp_path)["step"] == 4, "it has ended, and is not begun again"


def test_scalars_are_kept_as_csv_without_repeated_steps(tmp_path):
    scalars = Scalars(tmp_path)
    scalars.resume(0, 0)
    scalars.write("train", 2, {"loss": 0.5})
    scalars.write("validation", 2, {"val_psnr": float("inf")})
    scalars.write("validation", 2, {"val_ssim": 0.5})
    scalars.write("train", 4, {"loss": 0.25})
    scalars.resume(2, 0)
    scalars.write("train", 4, {"loss": 0.125})
    with (tmp_path / "scalars.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["split", "step", "name", "value"],
        ["train", "2", "loss", "0.5"],
        ["train", "4", "loss", "0.125"],
    ]


def test_a_run_writes_scalars_graph_and_profile(run):
    with (run / "logs" / "scalars.csv").open() as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows if row["name"] == "gradient_norm"]
    assert steps == [2, 4]
    assert {row["split"] for row in rows if row["name"] == "val_psnr"} == {"validation"}
    events = [
        event
        for path in (run / "logs" / "train").glob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
    ]
    assert any(b"uconv" in event.graph_def for event in events)
    assert list((run / "logs" / "train" / "plugins" / "profile").glob("*/*.pb"))


@pytest.mark.slow
def test_a_run_on_two_replicas_under_float16_is_resumed(tmp_path):
    """With micro-batches and averages; in a process of its own, for the logical CPUs."""
    code = """
import sys
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from toy_gan import toy_experiment
from tfdeblur.training.train import train
def run(name, steps):
    config = toy_experiment(steps)
    config.train.batch_size = 8
    config.train.micro_batches, config.train.average_decay = 2, 0.9
    config.runtime.strategy, config.runtime.precision = "mirrored", "mixed_float16"
    return train(config, f"{sys.argv[1]}/{name}")["weights_sha256"]
whole = run("whole", 3)
assert run("parts", 1) != whole
assert run("parts", 3) == whole
"""
    variables = {**os.environ, "PYTHONPATH": str(Path(toy_gan.__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    environment = json.loads((tmp_path / "whole" / "environment.json").read_text())
    assert (environment["replicas"], environment["precision"]) == (2, "mixed_float16")


@EAGER
def test_micro_batches_train_a_run(tmp_path):
    """Statistics differ, so the weights do."""
    config = toy_experiment(steps=2)
    config.train.batch_size = 4
    whole = train(config, tmp_path / "whole")["weights_sha256"]
    config.train.micro_batches = 2
    assert train(config, tmp_path / "parts")["weights_sha256"] != whole
    config.train.micro_batches = 3
    with pytest.raises(ValueError, match="`train.micro_batches`.* must divide .*4. Got: 3"):
        train(config, tmp_path / "other")


def test_weights_are_taken_partly_by_name_and_shape(run, caplog):
    """A generator of another upsampling keeps its trunk; what is new is listed."""
    source = load_trained(run, "best").generator
    other = _config()
    other.model.upsample = "bicubic"
    model = build_model(other)
    with pytest.raises(ValueError):
        initialise(model, str(run))
    with caplog.at_level("INFO"):
        initialise(model, str(run), partly=True)
    theirs = dict(zip([w.name for w in source.weights], source.get_weights(), strict=True))
    same = [
        weight
        for weight in model.generator.weights
        if weight.name in theirs and theirs[weight.name].shape == tuple(weight.shape)
    ]
    assert len(same) > 10
    for weight in same:
        np.testing.assert_array_equal(weight.numpy(), theirs[weight.name])
    missing = set(theirs) - {weight.name for weight in model.generator.weights}
    assert missing and all(name in caplog.text for name in missing)
    wider = build_model(_config(width=8))
    with caplog.at_level("INFO"):
        initialise(wider, str(run), partly=True)
    assert "(there: (" in caplog.text


def test_a_shipped_model_is_taken_partly():
    config = scgan_text.get_config()
    config.model.upsample = "bicubic"
    model = build_model(config)
    before = [weight.copy() for weight in model.generator.get_weights()]
    initialise(model, "scgan_text", partly=True)
    changed = [
        not np.array_equal(old, new)
        for old, new in zip(before, model.generator.get_weights(), strict=True)
    ]
    assert sum(changed) > 10


def test_a_folder_of_another_format_is_refused(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    path = folder / "config.json"
    saved = json.loads(path.read_text())
    assert saved["format_version"] == 2
    del saved["format_version"]
    path.write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="`format_version` must be 2 .* Got: 1.*init_from"):
        train(_config(steps=5), folder)
    assert load_trained(folder, "latest").step == 4
