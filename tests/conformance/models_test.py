"""Laws that every model keeps. Models and experiments are found by themselves: a model without an
experiment fails here. `--experiment=FILE.py` checks an experiment of another place instead."""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re

import numpy as np
import pytest
import tensorflow as tf

import tfdeblur.models
import tfdeblur_configs
from tfdeblur.models.config import legal_side, random_batch
from tfdeblur.stack import keras
from tfdeblur.training.experiment import OptimizerConfig
from tfdeblur.training.train import build_model

EXPERIMENTS = sorted(module.name for module in pkgutil.iter_modules(tfdeblur_configs.__path__))
PAPERS = sorted(
    module.name
    for module in pkgutil.iter_modules(tfdeblur.models.__path__)
    if module.name not in ("base", "config")
)
SIZES = [(1, 1), (1, 9), (7, 13), (16, 16)]


def pytest_generate_tests(metafunc):
    """Check the installed experiments, or the one that the command line names."""
    if "name" in metafunc.fixturenames:
        given = metafunc.config.getoption("--experiment")
        metafunc.parametrize("name", [given] if given else EXPERIMENTS)


def _experiment(name: str):
    """Load the module of an experiment, by its name or its file."""
    if not name.endswith(".py"):
        return importlib.import_module(f"tfdeblur_configs.{name}")
    spec = importlib.util.spec_from_file_location("experiment", name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _images(height: int, width: int, channels: int, count: int = 1):
    return tf.random.stateless_uniform((count, height, width, channels), seed=(1, 0))


def _batch(config):
    """A step's batch with everything that any objective asks for."""
    model = config.model
    count = config.train.batch_size * model.discriminator_updates
    return random_batch(model, config.data.patch_size // model.scale, count)


@pytest.fixture(autouse=True)
def _quick(quick_layers):
    """Models are built several times here."""


@functools.cache
def _generator(name: str) -> keras.Model:
    """The thin generator of an experiment, for tests that only call it."""
    return _experiment(name).get_config("quicktest").model.build_generator()


@pytest.fixture
def experiment(name):
    return _experiment(name)


@pytest.fixture
def generator(name):
    return _generator(name)


@pytest.fixture
def config(experiment):
    return experiment.get_config("quicktest")


def test_every_paper_has_an_experiment():
    configs = [_experiment(name).get_config("quicktest") for name in EXPERIMENTS]
    covered = {type(config.model).__module__.rpartition(".")[2] for config in configs}
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


def test_experiment_is_valid_in_both_forms(experiment):
    config = experiment.get_config("quicktest")
    config.validate()
    whole = experiment.get_config()
    whole.validate()
    assert whole.name == config.name


def test_any_size_goes_through_and_scales(config, generator):
    scale, channels = config.model.scale, config.model.channels
    for sides in SIZES:
        height, width = (legal_side(config.model, side) for side in sides)
        restored = generator(tf.zeros((1, height, width, channels)))
        assert restored.shape == (1, scale * height, scale * width, channels)


def test_output_is_float32_under_mixed_precision(config):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        generator = config.model.build_generator()
        side = legal_side(config.model, 8)
        restored = generator(_images(side, side, config.model.channels, count=2))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert restored.dtype == tf.float32
    assert np.isfinite(restored).all()
    assert {variable.dtype for variable in generator.weights} == {tf.float32}


def test_paper_and_sizes_are_stated(experiment):
    whole = experiment.get_config().model
    assert re.fullmatch(r"\w+ et al\., .+ 20\d\d", whole.paper)
    assert legal_side(whole, whole.training_size) == whole.training_size
    if whole.target_size is not None:
        assert whole.training_size * whole.scale == whole.target_size
    if whole.halo is not None:
        assert whole.receptive_field == 2 * whole.halo + 1


def test_what_is_exported_is_part_of_what_is_trained(config):
    model = config.model.build()
    trained = {id(weight) for weight in model.network.weights}
    assert all(id(weight) in trained for weight in model.generator.weights)
    assert len(model.generator.inputs) == len(model.generator.outputs) == 1
    assert model.phase_starts[0] == 0
    assert list(model.phase_starts) == sorted(model.phase_starts)


def test_the_first_steps_move_every_weight_of_each_network(config, eagerly):
    """Two steps: behind a last layer that starts at zero, the others move from the second on."""
    keras.utils.set_random_seed(0)
    config.optimizer = OptimizerConfig()
    model = build_model(config)
    before = {name: network.get_weights() for name, network in model.networks.items()}
    batch = _batch(config)
    for _ in range(2):
        logs = model.train_step(batch)
        assert all(np.isfinite(value) for value in logs.values()), logs
    for name, network in model.networks.items():
        for variable, old in zip(network.weights, before[name], strict=True):
            moved = not np.array_equal(variable.numpy(), old)
            by_design = variable.name.endswith(config.model.unmoved_weights)
            assert moved or by_design, f"{name}: {variable.name} stood still"


def test_halo_covers_the_receptive_field(config, generator):
    """What lies further than `halo` from a pixel does not change it."""
    halo, scale = config.model.halo, config.model.scale
    if halo is None:
        pytest.skip("This model sees the whole image, and says so.")
    side = legal_side(config.model, 2 * halo + 5)
    degraded = _images(side, side, config.model.channels).numpy()
    altered = degraded.copy()
    altered[:, :, :2] = 1.0 - altered[:, :, :2]  # Columns 0 and 1 reach columns up to 1 + halo.
    untouched = slice(scale * (halo + 2), None)
    first, second = (generator(image).numpy()[:, :, untouched] for image in (degraded, altered))
    np.testing.assert_array_equal(first, second)
