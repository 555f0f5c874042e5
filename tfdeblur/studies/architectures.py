"""The networks of the experiments: parameters, operations, receptive field."""

import dataclasses
import runpy
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tfdeblur.models.config import ModelConfig
from tfdeblur.stack import keras
from tfdeblur.studies.operations import network_macs
from tfdeblur.training.experiment import ExperimentConfig


class Parameters(NamedTuple):
    """The number of parameters of a network.

    Attributes:
      trained: by gradients.
      other: statistics of batch norms, and switches.
    """

    trained: int
    other: int


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The networks of one model config.

    Attributes:
      model_config: what they were built from.
      generator: parameters of the restoring network as trained; the export may be a part of it.
      discriminators: parameters of each discriminator, by name.
      macs: for restoring one image of `model_config.training_size` pixels a side.
    """

    model_config: ModelConfig
    generator: Parameters
    discriminators: dict[str, Parameters]
    macs: int


def describe(model_config: ModelConfig) -> Architecture:
    """Build the networks of a model config and count their parameters and MACs.

    Raises:
      ValueError: a field is out of its range.
    """
    model = model_config.build()
    side = model_config.training_size
    return Architecture(
        model_config,
        _parameters(model.network),
        {name: _parameters(network) for name, network in model.discriminators.items()},
        network_macs(model.generator, (1, side, side, model_config.channels)),
    )


def same_architecture(
    experiments: Iterable[ExperimentConfig],
) -> list[tuple[ModelConfig, list[str]]]:
    """Group experiments whose models have the same class and equal fields.

    Returns:
      Each model config and the names of its experiments, ordered by the first of them.
    """
    groups: list[tuple[ModelConfig, list[str]]] = []
    for experiment in experiments:
        known = [names for config, names in groups if config == experiment.model]
        if known:
            known[0].append(experiment.name)
        else:
            groups.append((experiment.model, [experiment.name]))
    return groups


def changed_fields(model_config: ModelConfig) -> dict[str, Any]:
    """Return the fields of a model config that differ from their defaults."""
    default = dataclasses.asdict(type(model_config)())  # type: ignore[call-overload]
    fields = dataclasses.asdict(model_config)  # type: ignore[call-overload]
    return {name: value for name, value in fields.items() if value != default[name]}


def _parameters(network: keras.Model) -> Parameters:
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    return Parameters(trained, network.count_params() - trained)


def entries(files: Iterable[str]) -> Iterator[str]:
    """Build the models of experiments' files; yield what to print of each as soon as it is built.

    Args:
      files: Python files with `get_config()`.
    """
    groups = same_architecture(runpy.run_path(file)["get_config"]() for file in files)
    for model_config, experiments in groups:
        changes = [f"{field}={value}" for field, value in changed_fields(model_config).items()]
        title = ", ".join([model_config.name, *changes])
        title = f"{title} ({', '.join(experiments)}): {model_config.paper}"
        yield "\n    ".join([title, *_lines(describe(model_config))])


def _lines(architecture: Architecture) -> list[str]:
    config, macs = architecture.model_config, architecture.macs
    side, field = config.training_size, config.receptive_field
    seen = "the whole image" if field is None else f"{field} px"
    if field is not None and config.halo is None:
        seen += "; its norms see the whole image"
    networks = {"generator": architecture.generator, **architecture.discriminators}
    return [
        *(_network_line(name, parameters) for name, parameters in networks.items()),
        f"{macs / 1e9:.2f} GMAC for {side}x{side} px; receptive field {seen}",
    ]


def _network_line(name: str, parameters: Parameters) -> str:
    other = f" and {parameters.other:,} not trained" if parameters.other else ""
    return f"{name}: {parameters.trained:,} parameters{other}"
