"""Preview a training before it starts: configuration, sizes, memory, time per step."""

import dataclasses
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfdeblur.models.base import RestorationModel
from tfdeblur.studies.operations import FLOP_PER_MAC, tensor_bytes
from tfdeblur.studies.training_cost import (
    GIB,
    build_without_vgg_weights,
    peak_memory,
    step_macs,
    trace_step,
)
from tfdeblur.training.batch_stream import make_training_batches
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.runtime import configure, make_strategy

STEPS = 3  # Timed steps, after the first.


def _print(line: str) -> None:
    print(line, flush=True)  # A killed process loses its buffered output.


def dry_run(config: ExperimentConfig, report: Callable[[str], None] = _print) -> None:
    """Print the experiment as it would run, then run a few steps in memory.

    Facts that need no running come first: a step that exceeds memory may kill the process.

    Args:
      config: the experiment.
      report: called with each line.

    Raises:
      ValueError: a field is out of its range, or the data is missing.
    """
    config.validate()
    report(json.dumps(dataclasses.asdict(config), indent=2))
    strategy = make_strategy(config.runtime)
    environment = configure(config.runtime, config.seed)
    replicas = strategy.num_replicas_in_sync
    report(
        f"runs on: {replicas} replica(s), {environment['precision']}, "
        f"{', '.join(environment['devices'])}"
    )
    batches = make_training_batches(  # The first replica's.
        config, seed=config.seed, steps=1 + STEPS, replicas=replicas, workers=replicas
    )
    model = build_without_vgg_weights(config)
    state = state_bytes(model, config.train.average_decay > 0)
    for line in [*_sizes(model), f"weights and optimizer slots: {state / GIB:.3f} GiB"]:
        report(line)
    share = config.train.batch_size // replicas
    macs = step_macs(config, share)
    most = tensor_bytes(trace_step(config, model, share)) + state
    report(f"a step of {share} pairs on a replica: {macs / 1e12:.4g} TMAC")
    report(f"memory, estimate: at most {most / GIB:.2f} GiB, if no tensor of a step were freed")
    for line in _measured(config, model, batches, share, macs):
        report(line)


def _sizes(model: RestorationModel) -> list[str]:
    lines = [
        f"{name}: {network.count_params():,} parameters, "
        f"{sum(int(np.prod(w.shape)) for w in network.trainable_weights):,} trained"
        for name, network in model.networks.items()
    ]
    if model.network is not model.generator:
        lines.insert(0, f"generator: {model.generator.count_params():,} parameters")
    return lines


def state_bytes(model: RestorationModel, averaged: bool) -> int:
    """Add up what a compiled model keeps between steps: weights, including VGG-19's, and slots.

    Args:
      model: compiled.
      averaged: whether to add an average of the trained network's weights.
    """
    variables = list(model.weights)
    for optimizer in model.optimizers.values():
        variables += optimizer.variables
    variables += model.network.trainable_variables if averaged else []
    return sum(int(np.prod(variable.shape)) * variable.dtype.size for variable in variables)


def _measured(
    config: ExperimentConfig,
    model: RestorationModel,
    batches: tf.data.Dataset,
    share: int,
    macs: int,
) -> list[str]:
    """Run one replica's first steps."""
    step = tf.function(model.train_step, autograph=False)
    seconds = []
    for batch in batches:
        start = time.perf_counter()
        logs = step(batch)
        float(logs["loss"])
        seconds.append(time.perf_counter() - start)
    usual = statistics.median(seconds[1:])
    hours = usual * config.train.steps / 3600
    return [
        f"first step, with tracing: {seconds[0]:.1f} s; then {usual:.3f} s, "
        f"{share / usual:.1f} images/s, {FLOP_PER_MAC * macs / usual / 1e9:.0f} GFLOP/s",
        f"all {config.train.steps:,} steps in the first phase's time: {hours:.1f} h, "
        "without validation",
        *(
            f"memory, measured: {peak:.2f} GiB at the peak of {owner}"
            for owner, peak in peak_memory().items()
        ),
    ]
