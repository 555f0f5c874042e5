"""Laws that every model keeps. Models and experiments are found by themselves: a model without an
experiment fails here."""

import dataclasses
import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfdeblur.models
import tfdeblur_configs
from tfdeblur.training.train import build_model

EXPERIMENTS = sorted(module.name for module in pkgutil.iter_modules(tfdeblur_configs.__path__))
PAPERS = sorted(
    module.name
    for module in pkgutil.iter_modules(tfdeblur.models.__path__)
    if module.name != "base"
)
SIZES = [(1, 1), (1, 9), (7, 13), (16, 16)]


def _experiment(name: str):
    return importlib.import_module(f"tfdeblur_configs.{name}").get_config("quicktest")


def _batch(config, size: int, count: int = 3):
    scale, channels = config.model.scale, config.model.channels
    shapes = [(count, size, size, channels), (count, scale * size, scale * size, channels)]
    return dict(
        zip(
            ("degraded", "target"),
            (tf.random.stateless_uniform(shape, seed=(1, i)) for i, shape in enumerate(shapes)),
            strict=True,
        )
    )


@pytest.fixture(params=EXPERIMENTS)
def config(request):
    return _experiment(request.param)


def test_every_paper_has_an_experiment():
    covered = {type(_experiment(name).model).__module__.rpartition(".")[2] for name in EXPERIMENTS}
    assert covered == set(PAPERS)


@pytest.mark.parametrize("paper", PAPERS)
def test_a_paper_has_one_config_with_documented_defaults(paper):
    module = importlib.import_module(f"tfdeblur.models.{paper}")
    configs = [
        value
        for name, value in vars(module).items()
        if name.endswith("Config")
        and inspect.isclass(value)
        and value.__module__ == module.__name__
    ]
    assert len(configs) == 1
    assert dataclasses.is_dataclass(configs[0]) and not configs[0].__dataclass_params__.frozen
    configs[0]().validate()
    assert configs[0]().name == paper


def test_experiment_is_valid_in_both_forms(config):
    config.validate()
    whole = importlib.import_module(f"tfdeblur_configs.{config.name}").get_config()
    whole.validate()
    assert whole.name == config.name


def test_any_size_goes_through_and_scales(config):
    generator = config.model.build_generator()
    scale, channels = config.model.scale, config.model.channels
    multiple, least = config.model.size_multiple, config.model.minimum_size
    for sides in SIZES:
        height, width = (max(least, -(-side // multiple) * multiple) for side in sides)
        restored = generator(tf.zeros((1, height, width, channels)))
        assert restored.shape == (1, scale * height, scale * width, channels)


def test_output_is_float32_in_the_unit_range_under_mixed_precision(config):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        generator = config.model.build_generator()
        side = max(8, config.model.minimum_size)
        restored = generator(tf.random.stateless_uniform((2, side, side, 3), seed=(0, 1)))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert restored.dtype == tf.float32
    assert np.isfinite(restored).all()
    assert {variable.dtype for variable in generator.weights} == {tf.float32}


def test_one_step_moves_every_weight_of_each_network(config):
    keras.utils.set_random_seed(0)
    config.optimizer.schedule, config.optimizer.warmup_steps = "constant", 0
    model = build_model(config)
    networks = {"generator": model.generator, **model.discriminators}
    before = {name: network.get_weights() for name, network in networks.items()}
    size = config.data.patch_size // config.model.scale
    logs = model.train_step(_batch(config, size))
    assert all(np.isfinite(value) for value in logs.values())
    for name, network in networks.items():
        for variable, old in zip(network.weights, before[name], strict=True):
            assert not np.array_equal(variable.numpy(), old), f"{name}: {variable.name} stood still"


def test_halo_covers_the_receptive_field(config):
    """What lies further than `halo` from a pixel does not change it."""
    generator = config.model.build_generator()
    halo, scale = config.model.halo, config.model.scale
    side = 2 * halo + 5
    degraded = tf.random.stateless_uniform((1, side, side, 3), seed=(2, 3)).numpy()
    altered = degraded.copy()
    altered[:, :, :2] = 1.0 - altered[:, :, :2]  # Columns 0 and 1 reach columns up to 1 + halo.
    untouched = slice(scale * (halo + 2), None)
    first, second = (generator(image).numpy()[:, :, untouched] for image in (degraded, altered))
    np.testing.assert_array_equal(first, second)
