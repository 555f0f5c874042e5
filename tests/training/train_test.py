"""Training end to end on tiny data: logs, checkpoints, resuming, starting from other weights."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfdeblur.data.pipeline import DataConfig
from tfdeblur.models.scgan import SCGAN
from tfdeblur.stack import keras
from tfdeblur.training import callbacks
from tfdeblur.training.callbacks import NonFiniteError
from tfdeblur.training.checkpoints import CheckpointError
from tfdeblur.training.experiment import load_trained
from tfdeblur.training.stop_signal import Interrupted
from tfdeblur.training.train import make_restore, train
from tfdeblur_configs import scgan_text


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.mixed_precision.set_global_policy("float32")


def _config(steps=4, objective="full"):
    config = scgan_text.get_config("quicktest")
    config.model.width = 4
    config.model.objective = objective
    config.train.steps = steps
    config.runtime.precision = "float32"
    return config


def _weights(workdir, which="latest"):
    trained = load_trained(workdir, which)
    networks = [trained.generator, *trained.discriminators.values()]
    return [array for network in networks for array in network.get_weights()]


def _tags(workdir, split):
    tags = set()
    for path in (workdir / "logs" / split).iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {(value.tag, event.step) for value in event.summary.value}
    return tags


def test_run_leaves_what_it_promises(tmp_path):
    result = train(_config(), tmp_path)
    assert result["step"] == 4
    assert result["validation"]["count"] == 2
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["precision"] == "float32"
    assert environment["packages"]["tensorflow"] == tf.__version__
    train_tags = _tags(tmp_path, "train")
    for tag in ("loss", "pixel", "feature_matching", "adversarial", "discriminator_loss"):
        assert {(tag, 2), (tag, 4)} <= train_tags
    validation_tags = _tags(tmp_path, "validation")
    assert {("val_psnr", 4), ("val_ssim", 4), ("val_psnr_baseline", 4)} <= validation_tags
    assert ("before_after_truth/0", 4) in validation_tags
    assert load_trained(tmp_path, "best").scores["best_val_psnr"] == pytest.approx(
        result["validation"]["restored"]["psnr"]
    )


def test_interrupted_run_equals_the_uninterrupted_one(tmp_path):
    train(_config(steps=6), tmp_path / "whole")
    train(_config(steps=3), tmp_path / "parts")
    train(_config(steps=6), tmp_path / "parts")
    whole, parts = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    for first, second in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(first, second)


def test_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    command = [
        sys.executable,
        "-m",
        "tfdeblur_tools.train",
        "--config=scgan_text:quicktest",
        f"--workdir={tmp_path}",
        "--config.model.width=4",
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
    config = _config(steps=reached + 2)
    config.train.validate_every = 100000
    assert train(config, tmp_path)["step"] == reached + 2
    assert load_trained(tmp_path, "latest").step == reached + 2


def test_another_precision_is_refused(tmp_path):
    """As on another machine under `auto`: weights would go on from a different rounding."""
    config = _config(steps=1)
    train(config, tmp_path)
    path = tmp_path / "environment.json"
    path.write_text(path.read_text().replace('"float32"', '"mixed_float16"'))
    config.train.steps = 2
    told = f"`runtime.precision` must stay that of the run in {tmp_path}, mixed_float16. Got: float"
    with pytest.raises(ValueError, match=told):
        train(config, tmp_path)


def test_a_configuration_with_lists_is_gone_on_with(tmp_path):
    config = _config(steps=2, objective="pixel")
    config.optimizer.schedule = "piecewise"
    config.optimizer.boundaries, config.optimizer.rates = [1], [2e-4, 1e-4]
    train(config, tmp_path)
    config.train.steps = 3
    assert train(config, tmp_path)["step"] == 3


def test_what_was_drawn_anew_belongs_to_its_experiment(tmp_path):
    config = _config(steps=1)
    config.train.init_from = "no_such_model"
    for seed, left in ((0, False), (0, True), (1, False)):
        config.seed = seed
        with pytest.raises(ValueError, match="no_such_model"):
            train(config, tmp_path)
        assert (tmp_path / "redrawn.json").exists() is left
        (tmp_path / "redrawn.json").write_text('{"0": 1}')


def test_another_experiment_in_the_folder_is_refused(tmp_path):
    train(_config(steps=1), tmp_path)
    other = _config(steps=2)
    other.optimizer.learning_rate = 1.0
    with pytest.raises(ValueError, match=r"optimizer.learning_rate: 0.0002 there, 1.0 now"):
        train(other, tmp_path)


def test_start_that_failed_does_not_claim_the_folder(tmp_path):
    mistyped = _config(steps=1)
    mistyped.train.init_from = "no_such_model"
    with pytest.raises(ValueError, match="no_such_model"):
        train(mistyped, tmp_path)
    assert train(_config(steps=1), tmp_path)["step"] == 1


def test_damaged_checkpoints_are_not_counted(tmp_path):
    """After one of step 4 that is damaged come 2 and 3: both stay, it goes."""
    train(_config(steps=4), tmp_path)
    latest = tmp_path / "checkpoints" / "latest"
    newest = next(latest.glob("step-4.data*"))
    newest.write_bytes(newest.read_bytes()[:500])
    train(_config(steps=3), tmp_path)
    assert {path.stem for path in latest.glob("*.index")} == {"step-2", "step-3"}


def test_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path):
    train(_config(steps=4), tmp_path)
    latest = tmp_path / "checkpoints" / "latest"
    newest = next(latest.glob("step-4.data*"))
    newest.write_bytes(newest.read_bytes()[:500])
    assert train(_config(steps=5), tmp_path)["step"] == 5  # From step 2 on.
    for path in latest.glob("*.data*"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="None of these checkpoints can be read"):
        train(_config(steps=6), tmp_path)
    with pytest.raises(ValueError, match="must be a whole checkpoint of scgan_generator"):
        load_trained(tmp_path, "latest")


def test_a_schedule_keeps_its_length(tmp_path):
    config = _config(steps=1, objective="pixel")
    config.optimizer.schedule = "cosine"
    train(config, tmp_path)
    config.train.steps = 2
    with pytest.raises(ValueError, match="train.steps: 1 there, 2 now"):
        train(config, tmp_path)


def test_finished_run_trains_no_further(tmp_path):
    train(_config(steps=2), tmp_path)
    before = _weights(tmp_path)
    assert train(_config(steps=2), tmp_path)["step"] == 2
    for first, second in zip(before, _weights(tmp_path), strict=True):
        np.testing.assert_array_equal(first, second)


def test_start_from_another_run_takes_over_its_generator(tmp_path):
    train(_config(steps=2, objective="pixel"), tmp_path / "pixel")
    pixel = load_trained(tmp_path / "pixel").generator.get_weights()
    config = _config(steps=1)
    config.train.init_from = str(tmp_path / "pixel")
    config.optimizer.learning_rate = 1e-12  # The first step moves no weight visibly.
    train(config, tmp_path / "full")
    full = load_trained(tmp_path / "full", "latest").generator
    for variable, weights in zip(full.weights, pixel, strict=True):
        if variable.trainable:
            np.testing.assert_allclose(variable.numpy(), weights, atol=1e-9)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    train(_config(steps=1, objective="pixel"), tmp_path / "narrow")
    config = _config(steps=1, objective="pixel")
    config.model.width = 8
    config.train.init_from = str(tmp_path / "narrow")
    with pytest.raises(ValueError, match="shape"):
        train(config, tmp_path / "wide")


def test_loss_that_is_not_finite_stops_the_run_and_names_the_term(tmp_path):
    config = _config(steps=4, objective="pixel")
    config.optimizer.learning_rate = 1e38
    with pytest.raises(NonFiniteError, match="must be finite at step .*'pixel': nan"):
        train(config, tmp_path)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains(tmp_path, precision):
    config = _config(steps=2)
    config.runtime.precision = precision
    assert np.isfinite(train(config, tmp_path)["validation"]["restored"]["psnr"])
    dtypes = {array.dtype for array in _weights(tmp_path)}
    assert dtypes == {np.dtype("float32")}


def test_grey_generator_restores_grey_shown_as_rgb():
    """A generator of one channel that halves the light, on 4x5 px of three equal channels."""
    grey = keras.Input((None, None, 1))
    generator = keras.Model(grey, keras.layers.Rescaling(0.5)(grey))
    image = np.arange(0, 200, 10, np.uint8).reshape(4, 5, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(make_restore(generator, channels=1)(image), image // 2)


def test_splits_of_prepared_data(tmp_path, write_prepared):
    """Trained on black targets, validated on white ones: 0 dB against the truth at the start."""

    def example(number):
        grey = 255 if number >= 4 else 0
        lr, hr = (np.full((side, side, 3), grey, np.uint8) for side in (16, 64))
        return {"id": str(number), "lr": lr, "hr": hr}

    features = {
        name: tfds.features.Image(shape=(side, side, 3), encoding_format="png")
        for name, side in (("lr", 16), ("hr", 64))
    }
    write_prepared(tmp_path, features, {"train": [[example(number) for number in range(6)]]})
    config = _config(objective="pixel")
    config.data = DataConfig(
        source="prepared",
        name="toy_pairs",
        data_dir=str(tmp_path),
        train_split="train[:-2]",
        validation_split="train[-2:]",
    )
    config.optimizer.learning_rate = 1e-2
    config.train.steps = config.train.validate_every = 20
    result = train(config, tmp_path / "run")
    restore = make_restore(load_trained(tmp_path / "run", "latest").generator)
    black, white = (restore(np.full((16, 16, 3), grey, np.uint8)).mean() for grey in (0, 255))
    assert result["validation"]["restored"]["psnr"] < 20
    assert black < 100, (black, white)


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_saves_and_the_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    """The signal comes during step 3 of 6, between the checkpoints of 2 and 4."""
    config = _config(steps=6)
    config.train.validate_every = 6
    whole = train(config, tmp_path / "whole")
    parts = tmp_path / "parts"
    before = signal.getsignal(signal.SIGTERM)

    def stop_at_3(self, batch, logs=None):
        if batch == 2:
            _terminate()

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.StopOnSignal, "on_train_batch_begin", stop_at_3)
        with pytest.raises(Interrupted, match="after step 3, which is saved") as interrupted:
            train(config, parts)
    assert interrupted.value.step == load_trained(parts, "latest").step == 3
    assert signal.getsignal(signal.SIGTERM) is before
    assert train(config, parts)["weights_sha256"] == whole["weights_sha256"]


def test_sigterm_during_a_validation_leaves_it_owed(tmp_path, monkeypatch):
    """It is made up for: the runs have the same scores, the same best weights, and go on alike."""
    config = _config(steps=6)
    config.train.validate_every = 3
    whole = train(config, tmp_path / "whole")
    parts = tmp_path / "parts"
    with monkeypatch.context() as patch:
        patch.setattr("tfdeblur.training.train.make_restore", lambda *_: lambda _: _terminate())
        with pytest.raises(Interrupted, match="after step 3, which is saved"):
            train(config, parts)
    assert not (parts / "checkpoints" / "best").exists()
    assert train(config, parts)["weights_sha256"] == whole["weights_sha256"]
    names = {name: (tmp_path / name / "logs" / "scalars.csv") for name in ("whole", "parts")}
    scores = {
        name: [row for row in path.read_text().splitlines() if row.startswith("validation")]
        for name, path in names.items()
    }
    assert scores["parts"] == scores["whole"] and len(scores["whole"]) == 8
    for first, second in zip(
        _weights(tmp_path / "whole", "best"), _weights(parts, "best"), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def test_sigterm_before_the_first_step_ends_the_run_at_once(tmp_path, monkeypatch):
    """Whatever it is at: here, the data of the validation."""
    config = _config(steps=2)
    with monkeypatch.context() as patch:
        patch.setattr("tfdeblur.training.train.make_validation", lambda *_: _terminate())
        with pytest.raises(Interrupted, match="before a step was finished") as interrupted:
            train(config, tmp_path)
    assert interrupted.value.step == 0
    assert train(config, tmp_path)["step"] == 2


@pytest.mark.parametrize("place", ["forward", "layer"])
def test_sigterm_while_a_step_is_traced_ends_the_run_at_once(place, tmp_path, monkeypatch):
    """Keras and TensorFlow put errors of a model's code into their own."""
    config = _config(steps=4, objective="pixel")
    train(_config(steps=2, objective="pixel"), tmp_path)
    layer = keras.layers.BatchNormalization

    def forward(self, batch):
        if place == "layer":
            patch.setattr(layer, "call", lambda *_, **__: _terminate())
            return {"restored": self.generator(batch["degraded"], training=True)}
        _terminate()

    with monkeypatch.context() as patch:
        patch.setattr(SCGAN, "forward", forward)
        with pytest.raises(Interrupted, match="after step 2, which is saved"):
            train(config, tmp_path)
    assert train(config, tmp_path)["step"] == 4


def test_signals_find_their_handlers_again_after_an_error(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)

    def fail(self, batch, logs=None):
        raise RuntimeError("broken")

    monkeypatch.setattr(callbacks.SignOfLife, "on_train_batch_end", fail)
    with pytest.raises(RuntimeError, match="broken"):
        train(_config(steps=2), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_hash_of_all_weights_tells_runs_apart(tmp_path):
    first = train(_config(steps=2), tmp_path / "first")["weights_sha256"]
    again = train(_config(steps=2), tmp_path / "again")["weights_sha256"]
    other = _config(steps=2)
    other.seed = 1
    assert len(first) == 64 and first == again
    assert train(other, tmp_path / "other")["weights_sha256"] != first


def test_checkpoint_that_cannot_be_written_names_the_last_good_one(tmp_path, monkeypatch):
    """As on a full disk; the one before stays and can be gone on from."""
    train(_config(steps=2), tmp_path)

    def full(self, *arguments, **named):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "_write", full)
        with pytest.raises(CheckpointError, match=r"step 4 .*No space left.*The last good.*step-2"):
            train(_config(steps=4), tmp_path)
    assert load_trained(tmp_path, "latest").step == 2
    assert train(_config(steps=3), tmp_path)["step"] == 3


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
        train(_config(steps=6), tmp_path)
    steps = {path.stem for path in tmp_path.glob("checkpoints/latest/*.index")}
    assert steps == {"step-2", "step-4"}
    monkeypatch.undo()
    assert train(_config(steps=5), tmp_path)["step"] == 5
