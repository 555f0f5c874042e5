"""Check that a training step does not depend on how many replicas and processes share its batch.

  python measurements/replicas.py --model=scgan,gfn --shared_by=replicas

Prints the largest difference between the gradients of a step on one replica and on two, relative to
the largest gradient of the same network; the exit code is 1 if one exceeds --tolerance.

A thin and shallow version of each paper's model makes one step on one replica, on two replicas of
one process and on two processes that talk over loopback. The comparison covers the gradients given
to the optimizers, summed over all updates of a step and over replicas.

ReLUs have kinks, at which a rounding error decides between two gradients; the replicas are not to
blame. So a smooth function with the same slopes replaces them all. Weights whose gradients are
rounding noise, biases before a norm (`ModelConfig.unmoved_weights`), are left out.
"""

import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import app, flags

from tfdeblur.data.pipeline import batch_order
from tfdeblur.models.config import ModelConfig, random_batch
from tfdeblur.models.enhance_unet import EnhanceUnetConfig
from tfdeblur.models.gfn import GFNConfig
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.models.two_branch import TwoBranchConfig
from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.stack import keras
from tfdeblur.studies.trials import build_stand_in
from tfdeblur.training.launch import launch
from tfdeblur.training.runtime import RuntimeConfig, make_strategy
from tfdeblur.training.workers import Workers

ONE, REPLICAS, WORKERS = "one", "replicas", "workers"  # What shares the batch.
RATE = 1e-3
MOMENTUM = 0.9  # Its slots hold the sum of the updates; weight differences would be rounded.


class Small(NamedTuple):
    """A thin model, the side of its degraded images, the pairs per update, and micro-batches."""

    config: ModelConfig
    side: int
    pairs: int
    micro_batches: int = 1


def small_models() -> dict[str, Small]:
    """Return the models to compare, by name."""
    gfn = GFNConfig(
        width=4, gate_start_step=0, deblurring_blocks=1, sr_blocks=1, reconstruction_blocks=1
    )
    enhance_unet = EnhanceUnetConfig(
        width=4, discriminator_updates=2, levels=1, rrrbs_per_level=1, resblocks_per_level=1
    )
    return {
        "scgan": Small(SCGANConfig(width=4), 16, 8),
        "mcgan": Small(SCGANConfig(width=4, classes=2), 16, 8),
        "mcgan_in_parts": Small(SCGANConfig(width=4, classes=2), 16, 16, micro_batches=2),
        "enhance_unet": Small(enhance_unet, 32, 4),
        "gfn": Small(gfn, 8, 4),
        "wrfn": Small(WRFNConfig(width=4, blocks=1), 20, 4),
        "wrfn_bn": Small(WRFNConfig(width=4, blocks=1, norm="bn"), 20, 4),
        "two_branch": Small(TwoBranchConfig(width=4, input_size=16, local_start_step=0), 16, 4),
    }


def compare(shared_by: str, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Compare small models' steps on two replicas or workers with their steps on one replica.

    Args:
      shared_by: `replicas` or `workers`.
      names: keys of `small_models`.

    Returns:
      By model and network, the largest difference of the network's updates relative to the largest
      update; under `logs`, the largest difference of the logged values, relative to 1 plus the
      value.
    """
    names = list(names)
    one, two = _in_own_process(ONE, names), _in_own_process(shared_by, names)
    return {name: _differences(one[name], two[name]) for name in names}


def _differences(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> dict[str, float]:
    worst: dict[str, float] = {}
    for key, value in one.items():
        network = key.split("/")[0]
        difference = np.abs(value - two[key]).max()
        if network == "logs":
            difference = difference / (1 + np.abs(value).max())
        worst[network] = max(worst.get(network, 0.0), float(difference))
    for network in set(worst) - {"logs"}:
        largest = max(np.abs(one[key]).max() for key in one if key.startswith(f"{network}/"))
        worst[network] /= float(largest)
    return worst


def _in_own_process(shared_by: str, names: list[str]) -> dict[str, dict[str, np.ndarray]]:
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, shared_by, folder, *names]
        if shared_by == WORKERS:
            code = launch(command, 2, quiet)
        else:
            code = subprocess.run(command, env=quiet, check=False).returncode
        if code:
            raise RuntimeError(
                f"The steps of {', '.join(names)} on {shared_by} must end well. Got: exit {code}."
            )
        return {name: dict(np.load(Path(folder, f"{name}.npz"))) for name in names}


def _step(small: Small, strategy: tf.distribute.Strategy) -> dict[str, Any]:
    """Make one gradient descent step; return every weight's updates, and the logs."""
    config, replicas = small.config, strategy.num_replicas_in_sync
    keras.utils.set_random_seed(0)
    with strategy.scope():
        parts = inspect.signature(config.build).parameters
        model = config.build(build_stand_in()) if "extractor" in parts else config.build()  # type: ignore[call-arg]
        judges = {each: keras.optimizers.SGD(RATE, MOMENTUM) for each in model.discriminators}
        model.micro_batches = small.micro_batches
        model.compile(keras.optimizers.SGD(RATE, MOMENTUM), judges)
        model.run_eagerly = replicas == 1  # Faster than a graph of one step, and the same values.
    share = small.pairs * config.discriminator_updates // replicas
    data = Workers.of(strategy).distribute(_batches(small, replicas), share)
    history = model.fit(data, steps_per_epoch=1, verbose=0).history
    found = {f"logs/{key}": np.asarray(values[0]) for key, values in history.items()}
    for owner, network in model.networks.items():
        slots = zip(network.trainable_weights, model.optimizers[owner].momentums, strict=True)
        for number, (weight, velocity) in enumerate(slots):
            if not weight.name.endswith(config.unmoved_weights):
                found[f"{owner}/{number}/{weight.name}"] = velocity.numpy() / RATE
    return found


def _batches(small: Small, replicas: int) -> Callable[[int, int], tf.data.Dataset]:
    """Return a data set maker for `Workers.distribute`: random images, laid out as in training."""
    config, updates = small.config, small.config.discriminator_updates
    whole = small.pairs * updates
    batch = random_batch(config, small.side, whole)
    order = batch_order(whole, config.classes, updates * small.micro_batches, replicas)
    laid_out = {name: np.asarray(values)[order] for name, values in batch.items()}

    def make(worker: int, of: int) -> tf.data.Dataset:
        part = slice(worker * whole // of, (worker + 1) * whole // of)
        return tf.data.Dataset.from_tensors({k: v[part] for k, v in laid_out.items()})

    return make


def _smooth_relu(x, alpha=0.0, negative_slope=0.0, **_):
    slope = alpha + negative_slope
    return slope * x + (1 - slope) * tf.nn.softplus(x)


def _write_steps(shared_by: str, folder: str, *names: str) -> None:
    """Make a step of each model in this process and write its updates and logs."""
    if shared_by == REPLICAS:
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
    keras.src.backend.relu = _smooth_relu
    chosen = {ONE: "none", REPLICAS: "mirrored", WORKERS: "multi_worker"}[shared_by]
    strategy = make_strategy(RuntimeConfig(strategy=chosen))
    assert strategy.num_replicas_in_sync == (1 if shared_by == ONE else 2)
    for name in names:
        found = _step(small_models()[name], strategy)
        if Workers.of(strategy).is_chief:
            np.savez(Path(folder, f"{name}.npz"), **found)


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_list("model", [], "which (default: all)", flag_values=flag_values)
    flags.DEFINE_list("shared_by", ["replicas", "workers"], "by whom", flag_values=flag_values)
    flags.DEFINE_float("tolerance", 1e-5, "largest difference", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Compare, print and judge; in a process started by `_in_own_process`, make its steps."""
    if argv[1:]:
        _write_steps(*argv[1:])
        return 0
    values, failed = flags.FLAGS, False
    for shared_by in values.shared_by:
        for name, worst in compare(shared_by, values.model or small_models()).items():
            shown = ", ".join(f"{network} {value:.1e}" for network, value in worst.items())
            print(f"{name}, 2 {shared_by}: {shown}", flush=True)
            differing = max(value for network, value in worst.items() if network != "logs")
            failed |= differing > values.tolerance
    return int(failed)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
