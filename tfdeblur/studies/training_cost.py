"""Count the operations of a training's steps without running one."""

import resource
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import tensorflow as tf

from tfdeblur.losses.perceptual import build_vgg19_layers
from tfdeblur.models.base import RestorationModel
from tfdeblur.models.config import ModelConfig, batch_spec
from tfdeblur.studies.operations import count_macs
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.train import compile_model

GIB = 2**30


def peak_memory() -> dict[str, float]:
    """Return peak memory so far, in GiB: of `this process`, and of each GPU by name."""
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    peaks = {"this process": host / GIB}
    for gpu in tf.config.list_logical_devices("GPU"):
        used = tf.config.experimental.get_memory_info(gpu.name.removeprefix("/device:"))["peak"]
        peaks[gpu.name] = used / GIB
    return peaks


class Phase(NamedTuple):
    """A part of a training in which every step costs the same.

    Attributes:
      start: finished steps at the start of the phase.
      steps: number of steps in the phase.
      step_macs: MACs of each step.
    """

    start: int
    steps: int
    step_macs: int

    @property
    def macs(self) -> int:
        """MACs of all steps of the phase."""
        return self.steps * self.step_macs


@runtime_checkable
class _Perceptual(Protocol):
    """A config whose objective compares VGG-19 features."""

    @property
    def perceptual_taps(self) -> tuple[str, ...]:
        """Layers of VGG-19; empty without a perceptual loss."""

    def build(self, extractor: Callable | None = None) -> RestorationModel:
        """Build the trainable model."""


def step_macs(config: ExperimentConfig, batch_size: int | None = None, phase: int = 0) -> int:
    """Count the MACs of one training step: every update of every network, and all losses.

    VGG-19 is counted without its weight files, which need not be present.

    Args:
      config: the experiment; its data determines the image size, or else the paper does.
      batch_size: pairs per update; by default the experiment's.
      phase: of the training; see `RestorationModel.enter_phase`.

    Raises:
      ValueError: the shape of a counted operation cannot be known, or a field is out of its range.
    """
    config.validate()
    model = build_without_vgg_weights(config)
    return _traced_step(config, model, batch_size or config.train.batch_size, phase)


def training_phases(config: ExperimentConfig) -> list[Phase]:
    """Count the MACs of a whole training, phase by phase, without validation.

    Raises:
      ValueError: as in `step_macs`.
    """
    config.validate()
    model = build_without_vgg_weights(config)
    return [
        Phase(start, end - start, _traced_step(config, model, config.train.batch_size, phase))
        for phase, (start, end) in enumerate(phase_bounds(model.phase_starts, config.train.steps))
    ]


def phase_bounds(starts: Sequence[int], steps: int) -> list[tuple[int, int]]:
    """Return the first step and the end of each phase that a training of `steps` reaches."""
    reached = [start for start in starts if start < steps]
    return list(zip(reached, [*reached[1:], steps], strict=True))


def training_side(config: ExperimentConfig) -> int:
    """Return the side of the degraded images that an experiment trains on, in pixels."""
    data = config.data
    target = data.patch_size if data.source == "recipe" else data.crop_size
    return target // config.model.scale if target else config.model.training_size


def build_without_vgg_weights(config: ExperimentConfig) -> RestorationModel:
    """Build and compile a model whose perceptual loss uses VGG-19 with random weights.

    It costs as much as the real model; do not train with it.
    """
    model_config: ModelConfig = config.model
    if isinstance(model_config, _Perceptual) and model_config.perceptual_taps:
        layers = build_vgg19_layers(model_config.perceptual_taps)
        return compile_model(model_config.build(layers), config)
    return compile_model(model_config.build(), config)


def trace_step(config: ExperimentConfig, model: RestorationModel, batch_size: int | None = None):
    """Trace a step of the current phase for the experiment's batches, without running it.

    Args:
      config: the experiment.
      model: compiled.
      batch_size: pairs per update; by default the experiment's.

    Returns:
      A concrete function.
    """
    step = tf.function(lambda batch: model.train_step(batch), autograph=False)
    count = (batch_size or config.train.batch_size) * config.model.discriminator_updates
    return step.get_concrete_function(batch_spec(config.model, training_side(config), count))


def _traced_step(
    config: ExperimentConfig, model: RestorationModel, batch_size: int, phase: int
) -> int:
    model.enter_phase(phase)
    model.micro_batches = 1  # Loops cannot be counted; micro-batches cost about as much in total.
    return count_macs(trace_step(config, model, batch_size))
