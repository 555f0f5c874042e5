"""Tests of tfdeblur.training.release: from a run's folder to a published version."""

import json

import numpy as np
import pytest
import tensorflow as tf
from toy_gan import eager_steps, toy_experiment

from tfdeblur.export.saved_model import read_weights
from tfdeblur.export.training_files import unpack_weights
from tfdeblur.images.files import write_image
from tfdeblur.stack import keras
from tfdeblur.training.experiment import DataConfig, load_trained
from tfdeblur.training.release import LIMITS, PRINT_LIMIT, _limits, release
from tfdeblur.training.train import train


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run of two steps."""
    config = toy_experiment(steps=2)
    config.train.validate_every = config.train.checkpoint_every = 1
    config.runtime.precision = "mixed_bfloat16"
    folder = tmp_path_factory.mktemp("run")
    try:
        with eager_steps():
            train(config, folder)
        yield folder
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(scope="module")
def published(workdir, tmp_path_factory):
    output = tmp_path_factory.mktemp("models") / "pages"
    return release(workdir, output, notes="Made by a test.", hours=0.25)


def test_a_run_becomes_version_one(published, workdir):
    assert published.name == "1"
    metadata = json.loads((published / "metadata.json").read_text())
    assert metadata["name"] == "pages"
    assert metadata["scale"] == 4
    assert metadata["parity"]["images"] == 10
    assert len(metadata["parity"]["sizes"]) == 5
    for artifact in ("saved_model", "tflite", "restore_bytes"):
        assert metadata["parity"][artifact]["max_levels"] <= 1
    assert abs(metadata["parity"]["tflite"]["psnr_change_db"]) <= 0.05
    signature = tf.saved_model.load(str(published)).signatures["serving_default"]
    restored = signature(images=tf.zeros([1, 5, 3, 3], tf.uint8))["restored"]
    assert restored.shape == (1, 20, 12, 3)


def test_weights_and_configuration_are_those_of_the_run(published, workdir):
    trained = load_trained(workdir)
    for ours, theirs in zip(read_weights(published), trained.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    training = published / "training"
    assert (training / "config.json").read_bytes() == (workdir / "config.json").read_bytes()
    packed = unpack_weights((training / "discriminator.npz").read_bytes())
    weights = trained.discriminators["discriminator"].get_weights()
    for ours, theirs in zip(packed["discriminator"], weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2**-11, atol=2**-24)


def test_the_card_states_the_run_and_its_scores(published):
    card = (published / "model_card.md").read_text("utf-8")
    assert card.startswith("# pages\n\nDeblurs and enlarges 4 times pictures of printed text.")
    assert "| Steps | " in card and " of batch 2 |" in card
    assert "| Precision | mixed_bfloat16 |" in card
    assert "| Time | 0.2 h |" in card or "| Time | 0.3 h |" in card
    assert "|  | bicubic | restored |" in card
    assert "10 images of the export's check, RGB, no crop" in card
    assert "best_val_psnr" in card
    assert card.endswith("## Notes\n\nMade by a test.\n")


def test_only_a_model_that_knows_colour_keeps_it():
    limits = [
        _limits(DataConfig(domain=domain))
        for domain in ("print", "print,dark_mode", "print,colour")
    ]
    assert [PRINT_LIMIT in each for each in limits] == [True, True, False]
    assert _limits(DataConfig(recipe="wrfn")) == LIMITS


def test_own_images_without_targets_give_no_scores(workdir, tmp_path):
    rng = np.random.default_rng(0)
    for index in range(10):
        write_image(
            tmp_path / "photos" / f"{index}.png", rng.integers(0, 256, (9, 14, 3), np.uint8)
        )
    version = release(workdir, tmp_path / "pages", which="latest", images=tmp_path / "photos")
    assert "None were recorded." in (version / "model_card.md").read_text("utf-8")
    metadata = json.loads((version / "metadata.json").read_text())
    assert metadata["parity"]["sizes"] == [[3, 12], [6, 7], [7, 14], [9, 10], [9, 14]]
    assert "psnr_change_db" not in metadata["parity"]["saved_model"]
