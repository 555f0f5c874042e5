"""One replica and two are the same training: a step's updates agree, network by network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

RATE = 1e-3


def _configs() -> dict:
    """Models, thin and shallow, with degraded images' side and pairs of an update."""
    from tfdeblur.models.gfn import GFNConfig
    from tfdeblur.models.scgan import SCGANConfig
    from tfdeblur.models.wrfn import WRFNConfig

    blocks = {"deblurring_blocks": 1, "sr_blocks": 1, "reconstruction_blocks": 1}
    return {
        "scgan": (SCGANConfig(width=4), 16, 8),
        "gfn": (GFNConfig(width=4, gate_start_step=0, **blocks), 8, 4),
        "wrfn": (WRFNConfig(width=4, blocks=1, norm="bn"), 20, 4),
    }


def _smooth_relu(x, alpha=0.0, negative_slope=0.0, **_):
    """Stand for ReLUs, whose kinks turn a rounding error into another gradient."""
    import tensorflow as tf

    slope = alpha + negative_slope
    return slope * x + (1 - slope) * tf.nn.softplus(x)


def _step(name: str, replicas: int) -> tuple[dict, dict]:
    """Train one step by gradient descent; return the velocities by weight, and the logs.

    Velocities are the gradients, or with several updates their sums; differences of weights would
    be rounded.
    """
    import keras
    import tensorflow as tf

    from tfdeblur.data.pipeline import _order
    from tfdeblur.training.runtime import RuntimeConfig, make_strategy

    config, side, count = _configs()[name]
    strategy = make_strategy(RuntimeConfig(strategy="mirrored" if replicas > 1 else "none"))
    assert strategy.num_replicas_in_sync == replicas
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = config.build()
        judges = {each: keras.optimizers.SGD(RATE, 0.9) for each in model.discriminators}
        model.compile(keras.optimizers.SGD(RATE, 0.9), judges)
    small, large = (side, side), (side * config.scale, side * config.scale)
    shapes = {
        "degraded": (*small, config.channels),
        "target": (*large, config.channels),
        "lr_sharp": (*small, config.channels),
    }
    whole, rng = count * config.discriminator_updates, np.random.default_rng(0)
    batch = {k: rng.uniform(size=(whole, *shape)).astype("float32") for k, shape in shapes.items()}
    order = _order(whole, config.classes, config.discriminator_updates, replicas)
    batch = {name: values[order] for name, values in batch.items()}
    history = model.fit(tf.data.Dataset.from_tensors(batch), steps_per_epoch=1, verbose=0).history
    optimizers = {"network": model.generator_optimizer, **model.discriminator_optimizers}
    networks = {"network": model.network, **model.discriminators}
    updates = {
        f"{owner}/{number}/{weight.name}": velocity.numpy() / RATE
        for owner, network in networks.items()
        for number, (weight, velocity) in enumerate(
            zip(network.trainable_weights, optimizers[owner].momentums, strict=True)
        )
        if not weight.name.endswith(config.standing_still)  # Their gradients are rounding noise.
    }
    return updates, {name: values[0] for name, values in history.items()}


def _compare(name: str) -> dict:
    """Return of each network the largest difference, relative to its largest update."""
    (one, one_logs), (two, two_logs) = _step(name, 1), _step(name, 2)
    worst = {"logs": max(abs(one_logs[k] - two_logs[k]) / (1 + abs(one_logs[k])) for k in one_logs)}
    for owner in {weight.split("/")[0] for weight in one}:
        mine = [weight for weight in one if weight.startswith(f"{owner}/")]
        largest = max(np.abs(one[weight]).max() for weight in mine)
        assert largest > 1e-3, (name, owner, largest)
        difference = max(np.abs(one[weight] - two[weight]).max() for weight in mine)
        worst[owner] = float(difference / largest)
    return worst


# SCGAN's synchronised batch norms take variances from sums of squares, the fused ones do not.
@pytest.mark.parametrize("name, tolerance", [("scgan", 3e-5), ("gfn", 1e-5), ("wrfn", 1e-5)])
def test_two_replicas_update_as_one(name, tolerance):
    """On two logical CPUs, which must be set up before TensorFlow is used: in another process."""
    command = [sys.executable, str(Path(__file__).resolve()), name]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-3000:]
    worst = json.loads(run.stdout.splitlines()[-1])
    judges = {"discriminator"} if name == "scgan" else set()
    assert set(worst) == {"logs", "network"} | judges
    assert worst.pop("logs") < 1e-4
    assert max(worst.values()) < tolerance, worst


if __name__ == "__main__":
    import keras.src.backend
    import tensorflow

    cpu = tensorflow.config.list_physical_devices("CPU")[0]
    halves = [tensorflow.config.LogicalDeviceConfiguration()] * 2
    tensorflow.config.set_logical_device_configuration(cpu, halves)
    keras.src.backend.relu = _smooth_relu
    print(json.dumps(_compare(sys.argv[1])))
