"""The fields of the data's config: their ranges, classes of pairs, and the command line."""

import dataclasses

import pytest
from absl import flags
from ml_collections import config_flags

from tfdeblur.data.config import DataConfig


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("source", "web", r"`data.source` must be one of .* Got: 'web'"),
        ("patch_size", 30, r"`patch_size` must be at least 32 and a multiple .* Got: 30"),
        ("patches_per_page", 0, r"`patches_per_page` must be at least 1. Got: 0"),
        ("domain", "neon", r"`domain` must be one of .* Got: 'neon'"),
        ("noise_max", -0.1, r"`noise_max` must lie in \[0, 1\]. Got: -0.1"),
        ("noise_stage", "raw", r"`noise_stage` must be 'hr' or 'lr'. Got: 'raw'"),
        ("train_split", "test", r"`data.train_split` must be .* of a recipe 'train'. Got: 'test'"),
        ("validation_split", "", r"`data.validation_split` must be .* Got: ''"),
        ("crop_size", -4, r"`data.crop_size` must be at least 0. Got: -4"),
        ("crop_size", 32, r"`data.crop_size` is for prepared data.* Got: 32"),
        ("augment_flip", True, r"`data.augment_flip` is for prepared data. Got: True"),
        ("augment_rotate", True, r"`data.augment_rotate` is for prepared data. Got: True"),
        ("shuffle_buffer", 0, r"`data.shuffle_buffer` must be at least 1. Got: 0"),
    ],
)
def test_fields_out_of_range_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(DataConfig(), **{field: value}).validate()


def test_the_same_split_twice_is_refused():
    data = DataConfig(source="prepared", validation_split="train")
    with pytest.raises(ValueError, match="must not be that which is trained on. Got: 'train'"):
        data.validate()


@pytest.mark.parametrize("domain", ["print,", ",", "print,print"])
def test_classes_have_names_of_their_own(domain):
    with pytest.raises(ValueError, match="`data.domain` must be one name or several others"):
        dataclasses.replace(DataConfig(), domain=domain).validate()


def test_held_out_recipe_pairs_are_free_of_noise_unless_asked():
    data = DataConfig()
    assert data.build_recipe("train").noise_max == 7 / 255
    assert data.build_recipe("validation").noise_max == data.build_recipe("test").noise_max == 0
    noisy = dataclasses.replace(data, noise_on_held_out=True)
    assert noisy.build_recipe("test").noise_max == 7 / 255


def test_every_field_can_be_set_on_the_command_line():
    """Dataclass modules with postponed annotations break this; so do fields that are None."""

    @dataclasses.dataclass
    class Experiment:
        data: DataConfig = dataclasses.field(default_factory=DataConfig)

    values = flags.FlagValues()
    changed = {
        "source": "prepared", "recipe": "gfn", "patch_size": 48, "patches_per_page": 2,
        "domain": "dark_mode", "noise_max": 0.5, "noise_stage": "lr", "noise_on_held_out": True,
        "name": "a/b", "data_dir": "d", "train_split": "train[:-8]",
        "validation_split": "train[-8:]", "crop_size": 8, "augment_flip": True,
        "augment_rotate": True, "shuffle_buffer": 2, "threads": 8,
    }  # fmt: skip
    assert changed.keys() == dataclasses.asdict(DataConfig()).keys()
    line = ["program", *(f"--config.data.{key}={value}" for key, value in changed.items())]
    config_flags.DEFINE_config_dataclass("config", Experiment(), flag_values=values, sys_argv=line)
    values(line)
    assert dataclasses.asdict(values.config.data) == changed
