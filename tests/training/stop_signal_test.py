"""SIGTERM, wherever it comes: what is saved, and that a run goes on from there."""

import os
import signal

import numpy as np
import pytest
from toy_gan import Toy, run_weights, toy_experiment

from tfdeblur.stack import keras
from tfdeblur.training import callbacks
from tfdeblur.training.experiment import load_trained
from tfdeblur.training.stop_signal import Interrupted
from tfdeblur.training.train import train

EAGER = pytest.mark.usefixtures("steps_eagerly")


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_saves_and_the_run_resumes_to_the_same_weights(tmp_path, monkeypatch):
    """The signal comes during step 3 of 6, between the checkpoints of 2 and 4."""
    config = toy_experiment(steps=6)
    config.train.validate_every = 6
    whole = train(config, tmp_path / "whole")
    parts = tmp_path / "parts"
    before = signal.getsignal(signal.SIGTERM)

    def stop_at_3(self, batch, logs=None):
        if batch == 2:
            _terminate()

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.EachStep, "on_train_batch_begin", stop_at_3)
        with pytest.raises(Interrupted, match="after step 3, which is saved") as interrupted:
            train(config, parts)
    assert interrupted.value.step == load_trained(parts, "latest").step == 3
    assert signal.getsignal(signal.SIGTERM) is before
    assert train(config, parts)["weights_sha256"] == whole["weights_sha256"]


@EAGER
def test_sigterm_during_a_validation_leaves_it_owed(tmp_path, monkeypatch):
    """It is made up for: the runs have the same scores, the same best weights, and go on alike."""
    config = toy_experiment(steps=6)
    config.train.validate_every = 3
    whole = train(config, tmp_path / "whole")
    parts = tmp_path / "parts"
    with monkeypatch.context() as patch:
        patch.setattr(
            "tfdeblur.training.validation.make_image_restore", lambda *_: lambda _: _terminate()
        )
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
        run_weights(tmp_path / "whole", "best"), run_weights(parts, "best"), strict=True
    ):
        np.testing.assert_array_equal(first, second)


@EAGER
def test_sigterm_before_the_first_step_ends_the_run_at_once(tmp_path, monkeypatch):
    """Whatever it is at: here, the data of the validation."""
    config = toy_experiment(steps=2, objective="pixel")
    with monkeypatch.context() as patch:
        patch.setattr("tfdeblur.training.validation.make_validation", lambda *_: _terminate())
        with pytest.raises(Interrupted, match="before a step was finished") as interrupted:
            train(config, tmp_path)
    assert interrupted.value.step == 0
    assert train(config, tmp_path)["step"] == 2


@pytest.mark.parametrize("place", ["forward", "layer"])
def test_sigterm_while_a_step_is_traced_ends_the_run_at_once(place, tmp_path, monkeypatch):
    """Keras and TensorFlow put errors of a model's code into their own."""
    config = toy_experiment(steps=4, objective="pixel")
    train(toy_experiment(steps=2, objective="pixel"), tmp_path)
    layer = keras.layers.BatchNormalization

    def forward(self, batch):
        if place == "layer":
            patch.setattr(layer, "call", lambda *_, **__: _terminate())
            return {"restored": self.generator(batch["degraded"], training=True)}
        _terminate()

    with monkeypatch.context() as patch:
        patch.setattr(Toy, "forward", forward)
        with pytest.raises(Interrupted, match="after step 2, which is saved"):
            train(config, tmp_path)
    assert train(config, tmp_path)["step"] == 4


@EAGER
def test_signals_find_their_handlers_again_after_an_error(tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)

    def fail(self, batch, logs=None):
        raise RuntimeError("broken")

    monkeypatch.setattr(callbacks.EachStep, "on_train_batch_end", fail)
    with pytest.raises(RuntimeError, match="broken"):
        train(toy_experiment(steps=2, objective="pixel"), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before
