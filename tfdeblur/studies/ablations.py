"""Determine what each ablation of a paper changes, from the built models.

Parameters are counted on networks of the paper's size. Everything else is observed by running a
thin model on a tiny batch: its outputs, the terms of each objective, and the weights they move.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfdeblur.models.base import (
    Batch,
    RestorationGAN,
    RestorationModel,
    objective,
    term_means,
)
from tfdeblur.models.config import legal_side, random_batch
from tfdeblur.stack import keras

COUNT = 4  # Pairs in a batch: two per class for MCGAN; batch norms of one pixel need three.
VANISHING = 1e-3  # Relative to the largest gradient in a layer; anything below is rounding.


class Row(NamedTuple):
    """An ablation: the model config's fields by name, and where the paper describes it."""

    overrides: Mapping[str, Any]
    source: str

    @property
    def arguments(self) -> list[str]:
        """Return the arguments for the command line of `tfdeblur train`."""
        return [f"--config.model.{name}={value}" for name, value in self.overrides.items()]


class System(NamedTuple):
    """A paper's model and its ablations.

    Attributes:
      title: of the system's table.
      experiment: takes the rows' arguments on its command line; its model is the default.
      config: the class of the model config.
      tiny: fields that make the network thin and shallow; a row's fields override them.
      side: of the tiny degraded images, in pixels, rounded up to the next legal side.
      extractor: config -> stand-in for VGG-19, if the objective may have a perceptual term.
      groups: by network ("network", "discriminator"), pairs of a pattern of weight names and the
        group's name; the first match counts.
      rows: the ablations.
      excluded: fields of the config that are not ablations.
      elsewhere: ablations outside the model's fields: arguments, and where the paper has them.
    """

    title: str
    experiment: str
    config: type
    tiny: Mapping[str, Any]
    side: int
    extractor: Callable[[Any], Callable] | None
    groups: Mapping[str, tuple[tuple[str, str], ...]]
    rows: tuple[Row, ...]
    excluded: frozenset[str]
    elsewhere: tuple[tuple[str, str], ...] = ()


class Objective(NamedTuple):
    """The training objective of a network in one phase.

    Attributes:
      weights: of the terms, by name.
      means: of the terms' values, by name.
      reached: groups of the network's weights that receive a gradient.
    """

    weights: Mapping[str, float]
    means: Mapping[str, float]
    reached: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Facts:
    """Observations of a model.

    Attributes:
      parameters: by network, in the paper's size; "network" is the trained one.
      shapes: of the thin networks' weights, in order.
      groups: groups of weights in the thin networks.
      degraded: shape of the tiny input.
      outputs: shapes by name.
      restored: the tiny images, from the first phase.
      phases: first step -> network -> its objective, for every network trained in the phase.
    """

    parameters: Mapping[str, int]
    shapes: Mapping[str, list[tuple[int, ...]]]
    groups: Mapping[str, frozenset[str]]
    degraded: tuple[int, ...]
    outputs: Mapping[str, tuple[int, ...]]
    restored: np.ndarray
    phases: Mapping[int, Mapping[str, Objective]]

    def at(self, step: int) -> Mapping[str, Objective]:
        """Return the objectives of a step's phase."""
        return self.phases[max(start for start in self.phases if start <= step)]


def observe(
    system: System, overrides: Mapping[str, Any] = {}, default: Facts | None = None
) -> Facts:
    """Build a model with overrides, in the paper's size and thin, and run the thin one.

    Args:
      system: the paper's model and ablations.
      overrides: fields of its config.
      default: facts without overrides. Networks equal to the default's when thin are equal in the
        paper's size too and are not rebuilt.
    """
    model = _thin_model(system, {**system.tiny, **overrides})
    networks = model.networks
    shapes = {name: [tuple(w.shape) for w in each.weights] for name, each in networks.items()}
    if default and all(shapes[name] == default.shapes.get(name) for name in shapes):
        parameters = {name: default.parameters[name] for name in shapes}
    else:
        whole = system.config(**overrides).build().networks
        parameters = {name: each.count_params() for name, each in whole.items()}
    config = model.config
    batch = random_batch(config, legal_side(config, system.side), COUNT)
    phases, outputs = {}, {}
    for phase, start in reversed(list(enumerate(model.phase_starts))):
        model.enter_phase(phase)
        outputs, phases[start] = _run(system, model, batch)
    return Facts(
        parameters,
        shapes,
        {name: _groups(system, name, each.weights) for name, each in networks.items()},
        tuple(batch["degraded"].shape),
        {name: tuple(image.shape) for name, image in outputs.items()},
        outputs["restored"].numpy(),
        phases,
    )


def _thin_model(system: System, fields: Mapping[str, Any]) -> RestorationModel:
    keras.utils.set_random_seed(0)
    config = system.config(**fields)
    model = config.build(system.extractor(config)) if system.extractor else config.build()
    optimizers = {name: keras.optimizers.SGD() for name in model.discriminators}
    model.compile(keras.optimizers.SGD(), optimizers)
    return model


def _run(system: System, model: RestorationModel, batch: Batch):
    """Return the outputs and the networks' objectives in the current phase."""
    with tf.GradientTape(persistent=True) as tape:
        outputs = model.forward(batch)
        terms = {"network": model.generator_terms(batch, outputs)}
        if isinstance(model, RestorationGAN):
            for name in model.active_discriminators():
                terms[name] = model.discriminator_terms(name, batch, outputs)
        losses = {name: objective(each) for name, each in terms.items()}
    objectives = {}
    for name, each in terms.items():
        variables = model.networks[name].trainable_variables
        moved = _moved(variables, tape.gradient(losses[name], variables))
        objectives[name] = Objective(
            {term: values.weight for term, values in each.items()},
            {term: float(mean) for term, mean in term_means(each).items()},
            _groups(system, name, moved),
        )
    return outputs, objectives


def _moved(weights, gradients) -> list[tf.Variable]:
    """Return the weights whose gradient exists and exceeds rounding, relative to their layer's."""
    sizes = [0.0 if g is None else float(tf.reduce_max(tf.abs(g))) for g in gradients]
    layers = [weight.name.rpartition("/")[0] for weight in weights]
    largest = {layer: 0.0 for layer in layers}
    for layer, size in zip(layers, sizes, strict=True):
        largest[layer] = max(largest[layer], size)
    triples = zip(weights, layers, sizes, strict=True)
    return [weight for weight, layer, size in triples if size > VANISHING * largest[layer]]


def _groups(system: System, network: str, weights: Iterable[tf.Variable]) -> frozenset[str]:
    """Name the groups that contain the trainable ones among some weights."""
    patterns = system.groups["network" if network == "network" else "discriminator"]
    found = set()
    for weight in weights:
        if weight.trainable:
            found.add(_group(weight.name, patterns))
    return frozenset(found)


def _group(name: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for pattern, group in patterns:
        if match := re.match(pattern, name):
            return match.expand(group)
    raise ValueError(f"Every weight must belong to a group. Got: {name}.")
