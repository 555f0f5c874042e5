"""Configurations: ranges, overrides from the command line, saving and reading back."""

import json
import sys

import pytest
from absl import flags

from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.training.experiment import (
    ExperimentConfig,
    TrainConfig,
    load_config,
    load_trained,
    save_config,
)
from tfdeblur_configs import mcgan, scgan_text
from tfdeblur_tools import train as train_tool


@pytest.fixture
def parse(monkeypatch):
    def parse(*arguments: str) -> ExperimentConfig:
        command = ["train", "--workdir=w", *map(train_tool.resolve_config, arguments)]
        monkeypatch.setattr(sys, "argv", command)  # Where config flags look for overrides.
        values = flags.FlagValues()
        train_tool.define_flags(values)
        values(command)
        return values.config

    return parse


def test_paper_settings_are_the_defaults():
    config = scgan_text.get_config()
    config.validate()
    assert (config.optimizer.learning_rate, config.optimizer.beta_1) == (2e-4, 0.5)
    assert config.train.batch_size == 16
    model = config.model
    assert (model.feature_weight, model.adversarial_weight, model.triplet_weight) == (1, 1e-3, 0.1)
    assert (model.feature_layer_generator, model.feature_layer_discriminator) == (2, 3)
    assert model.triplet_margin == 1


def test_name_variant_and_overrides_from_the_command_line(parse):
    config = parse(
        "--config=scgan_text:quicktest",
        "--config.seed=7",
        "--config.train.steps=3",
        "--config.optimizer.learning_rate=0.5",
        "--config.runtime.precision=float32",
        "--config.model.objective=pixel",
    )
    assert config.model.width == 8
    assert (config.seed, config.train.steps, config.optimizer.learning_rate) == (7, 3, 0.5)
    assert (config.runtime.precision, config.model.objective) == ("float32", "pixel")


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(SystemExit, match="scgan_text.*Got: 'scgan_txt'"):
        train_tool.resolve_config("--config=scgan_txt")


def test_unknown_field_is_refused(parse):
    with pytest.raises(KeyError, match="step not found.*TrainConfig"):
        parse("--config=scgan_text", "--config.train.step=3")


def test_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="variant must be 'quicktest'"):
        scgan_text.get_config("quick")


@pytest.mark.parametrize(
    "part, field, value, message",
    [
        (None, "seed", -1, "`seed` must be at least 0. Got: -1"),
        ("train", "steps", 0, "`train.steps` must be at least 1. Got: 0"),
        ("train", "batch_size", 1, "`train.batch_size` must be at least 2"),
        ("optimizer", "learning_rate", 0.0, "`optimizer.learning_rate` must be positive"),
        ("optimizer", "learning_rate", float("nan"), "`optimizer.learning_rate` must be positive"),
        ("optimizer", "beta_1", 1.5, "`optimizer.beta_1` must be at least 0 and below 1"),
        ("data", "patch_size", 128, "`data.patch_size` must be 64, .* Got: 128"),
        ("runtime", "precision", "fp16", "`runtime.precision` must be one of"),
        ("model", "objective", "l1", "`objective` must be one of"),
    ],
)
def test_fields_out_of_range_are_named(part, field, value, message):
    config = scgan_text.get_config()
    setattr(getattr(config, part) if part else config, field, value)
    with pytest.raises(ValueError, match=message):
        config.validate()


def test_config_survives_the_file(tmp_path):
    config = scgan_text.get_config("quicktest")
    config.model.objective = "pixel+gan"
    path = tmp_path / "config.json"
    save_config(config, path)
    assert load_config(path) == config
    assert isinstance(load_config(path).model, SCGANConfig)


def test_tuples_survive_the_file_and_the_command_line(tmp_path, parse):
    config = parse(
        "--config=scgan_text:quicktest",
        "--config.optimizer.schedule=piecewise",
        "--config.optimizer.boundaries=(30, 60)",
        "--config.optimizer.rates=(2e-4, 1e-4, 1e-5)",
    )
    assert config.optimizer.boundaries == (30, 60)
    assert config.optimizer.rates == (2e-4, 1e-4, 1e-5)
    config.validate()
    path = tmp_path / "config.json"
    save_config(config, path)
    assert load_config(path) == config


def test_config_of_another_version_is_refused_by_name(tmp_path):
    path = tmp_path / "config.json"
    save_config(scgan_text.get_config(), path)
    values = json.loads(path.read_text())
    values["train"]["epochs"] = 3
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="config.json must be a saved experiment.*epochs"):
        load_config(path)


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="must be a run's folder with config.json"):
        load_trained(tmp_path)


def test_batch_of_one_is_legal_without_the_triplet():
    ExperimentConfig(
        "pixel", SCGANConfig(objective="pixel"), train=TrainConfig(batch_size=1)
    ).validate()


def test_batch_holds_every_class_of_the_data_equally():
    config = mcgan.get_config()
    config.train.batch_size = 15
    with pytest.raises(ValueError, match="`train.batch_size` must be a multiple of 2, .* Got: 15"):
        config.validate()


def test_a_model_of_several_classes_needs_data_of_as_many():
    config = mcgan.get_config()
    config.model.classes = 3
    config.train.batch_size = 18
    with pytest.raises(ValueError, match="`data.name` must name 3 classes .* Got: 'blurred_faces"):
        config.validate()
    config = mcgan.get_config("quicktest")
    config.data.domain = "print"
    with pytest.raises(ValueError, match="`data.domain` must name 2 classes .* Got: 'print'"):
        config.validate()


def test_a_model_of_one_class_takes_data_of_several():
    config = mcgan.get_config()
    config.model.classes = 1
    config.validate()


def test_a_model_that_cannot_be_found_again_is_refused(tmp_path):
    """As of a class that stands in a --config file, which Python does not find by its name."""
    config = scgan_text.get_config()
    elsewhere = type("Elsewhere", (SCGANConfig,), {"__module__": "my_config"})
    config.model = elsewhere()
    with pytest.raises(ValueError, match="on Python's path, .* Got: my_config.Elsewhere."):
        save_config(config, tmp_path / "config.json")
    assert not (tmp_path / "config.json").exists()
