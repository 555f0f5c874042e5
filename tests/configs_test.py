"""Every experiment: its fields are in range, its name is its file's, its variants are known."""

import importlib
from importlib import resources
from pathlib import Path

import pytest

NAMES = sorted(
    Path(file.name).stem
    for file in resources.files("tfdeblur_configs").iterdir()
    if file.name.endswith(".py") and not file.name.startswith("_")
)


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_is_valid_and_named_as_its_file(name):
    module = importlib.import_module(f"tfdeblur_configs.{name}")
    for variant in ("", "quicktest"):
        config = module.get_config(variant)
        config.validate()
        assert config.name == name
    assert config.data.source == "recipe" and config.train.steps <= 10
    with pytest.raises(ValueError, match="Got: 'nosuch'"):
        module.get_config("nosuch")
