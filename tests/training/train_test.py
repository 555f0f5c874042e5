"""Training end to end on tiny data: logs, checkpoints, resuming, starting from other weights."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from toy_gan import run_weights, toy_experiment

from tfdeblur.data.pipeline import DataConfig
from tfdeblur.stack import keras
from tfdeblur.training.callbacks import NonFiniteError
from tfdeblur.training.experiment import load_trained
from tfdeblur.training.train import train
from tfdeblur.training.validation import make_image_restore
from tfdeblur_configs import scgan_text

EAGER = pytest.mark.usefixtures("steps_eagerly")


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.mixed_precision.set_global_policy("float32")


def _tags(workdir, split):
    tags = set()
    for path in (workdir / "logs" / split).iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {(value.tag, event.step) for value in event.summary.value}
    return tags


def test_run_leaves_what_it_promises(tmp_path):
    """SCGAN, in graphs of mixed_bfloat16."""
    config = scgan_text.get_config("quicktest")
    config.model.width, config.train.steps = 4, 4
    config.runtime.precision = "mixed_bfloat16"
    result = train(config, tmp_path)
    assert result["step"] == 4
    assert result["validation"]["count"] == 2
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment["precision"] == "mixed_bfloat16"
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


@EAGER
def test_interrupted_run_equals_the_uninterrupted_one(tmp_path):
    train(toy_experiment(steps=6), tmp_path / "whole")
    train(toy_experiment(steps=3), tmp_path / "parts")
    train(toy_experiment(steps=6), tmp_path / "parts")
    whole, parts = run_weights(tmp_path / "whole"), run_weights(tmp_path / "parts")
    for first, second in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(first, second)


@EAGER
def test_another_precision_is_refused(tmp_path):
    """As on another machine under `auto`: weights would go on from a different rounding."""
    config = toy_experiment(steps=1, objective="pixel")
    train(config, tmp_path)
    path = tmp_path / "environment.json"
    path.write_text(path.read_text().replace('"float32"', '"mixed_float16"'))
    config.train.steps = 2
    told = f"`runtime.precision` must stay that of the run in {tmp_path}, mixed_float16. Got: float"
    with pytest.raises(ValueError, match=told):
        train(config, tmp_path)


@EAGER
def test_a_run_whose_configuration_has_lists_is_resumed(tmp_path):
    config = toy_experiment(steps=2, objective="pixel")
    config.optimizer.schedule = "piecewise"
    config.optimizer.boundaries, config.optimizer.rates = [1], [2e-4, 1e-4]
    train(config, tmp_path)
    config.train.steps = 3
    assert train(config, tmp_path)["step"] == 3


def test_redrawn_batches_belong_to_their_experiment(tmp_path):
    config = toy_experiment(steps=1, objective="pixel")
    config.train.init_from = "no_such_model"
    for seed, left in ((0, False), (0, True), (1, False)):
        config.seed = seed
        with pytest.raises(ValueError, match="no_such_model"):
            train(config, tmp_path)
        assert (tmp_path / "redrawn.json").exists() is left
        (tmp_path / "redrawn.json").write_text('{"0": 1}')


@EAGER
def test_another_experiment_in_the_folder_is_refused(tmp_path):
    train(toy_experiment(steps=1, objective="pixel"), tmp_path)
    other = toy_experiment(steps=2, objective="pixel")
    other.optimizer.learning_rate = 1.0
    with pytest.raises(ValueError, match=r"optimizer.learning_rate: 0.0002 there, 1.0 now"):
        train(other, tmp_path)


@EAGER
def test_start_that_failed_does_not_claim_the_folder(tmp_path):
    mistyped = toy_experiment(steps=1, objective="pixel")
    mistyped.train.init_from = "no_such_model"
    with pytest.raises(ValueError, match="no_such_model"):
        train(mistyped, tmp_path)
    assert train(toy_experiment(steps=1, objective="pixel"), tmp_path)["step"] == 1


@EAGER
def test_a_schedule_keeps_its_length(tmp_path):
    config = toy_experiment(steps=1, objective="pixel")
    config.optimizer.schedule = "cosine"
    train(config, tmp_path)
    config.train.steps = 2
    with pytest.raises(ValueError, match="train.steps: 1 there, 2 now"):
        train(config, tmp_path)


@EAGER
def test_start_from_another_run_takes_over_its_generator(tmp_path):
    train(toy_experiment(steps=2, objective="pixel"), tmp_path / "pixel")
    pixel = load_trained(tmp_path / "pixel").generator.get_weights()
    config = toy_experiment(steps=1)
    config.train.init_from = str(tmp_path / "pixel")
    config.optimizer.learning_rate = 1e-12  # The first step moves no weight visibly.
    train(config, tmp_path / "full")
    full = load_trained(tmp_path / "full", "latest").generator
    for variable, weights in zip(full.weights, pixel, strict=True):
        if variable.trainable:
            np.testing.assert_allclose(variable.numpy(), weights, atol=1e-9)


@EAGER
def test_weights_that_do_not_fit_are_refused(tmp_path):
    train(toy_experiment(steps=1, objective="pixel"), tmp_path / "narrow")
    config = toy_experiment(steps=1, objective="pixel")
    config.model.width = 8
    config.train.init_from = str(tmp_path / "narrow")
    with pytest.raises(ValueError, match="shape"):
        train(config, tmp_path / "wide")


@EAGER
def test_loss_that_is_not_finite_stops_the_run_and_names_the_term(tmp_path):
    config = toy_experiment(steps=4, objective="pixel")
    config.optimizer.learning_rate = 1e38
    with pytest.raises(NonFiniteError, match="must be finite at step .*'pixel': nan"):
        train(config, tmp_path)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains(tmp_path, precision):
    config = toy_experiment(steps=2)
    config.runtime.precision = precision
    assert np.isfinite(train(config, tmp_path)["validation"]["restored"]["psnr"])
    dtypes = {array.dtype for array in run_weights(tmp_path)}
    assert dtypes == {np.dtype("float32")}


def test_grey_generator_restores_grey_shown_as_rgb():
    """A generator of one channel that halves the light, on 4x5 px of three equal channels."""
    grey = keras.Input((None, None, 1))
    generator = keras.Model(grey, keras.layers.Rescaling(0.5)(grey))
    image = np.arange(0, 200, 10, np.uint8).reshape(4, 5, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(make_image_restore(generator, channels=1)(image), image // 2)


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
    config = toy_experiment(objective="pixel")
    config.data = DataConfig(
        source="prepared",
        name="toy_pairs",
        data_dir=str(tmp_path),
        train_split="train[:-2]",
        validation_split="train[-2:]",
    )
    config.optimizer.learning_rate = 1e-1
    config.train.steps = config.train.validate_every = 20
    result = train(config, tmp_path / "run")
    restore = make_image_restore(load_trained(tmp_path / "run", "latest").generator)
    black, white = (restore(np.full((16, 16, 3), grey, np.uint8)).mean() for grey in (0, 255))
    assert result["validation"]["restored"]["psnr"] < 20
    assert black < 100, (black, white)


@EAGER
def test_hash_of_all_weights_tells_runs_apart(tmp_path):
    first = train(toy_experiment(steps=2, objective="pixel"), tmp_path / "first")["weights_sha256"]
    again = train(toy_experiment(steps=2, objective="pixel"), tmp_path / "again")["weights_sha256"]
    other = toy_experiment(steps=2, objective="pixel")
    other.seed = 1
    assert len(first) == 64 and first == again
    assert train(other, tmp_path / "other")["weights_sha256"] != first
