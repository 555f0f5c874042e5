"""What a run runs on: numeric precision, seeds, and a record of the environment."""

import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from absl import logging

STRATEGIES = ("auto", "none", "mirrored")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
_RECORDED_PACKAGES = (
    "tfdeblur",
    "tensorflow",
    "keras",
    "tensorflow-datasets",
    "numpy",
    "opencv-python-headless",
    "pillow",
)


@dataclass
class RuntimeConfig:
    """How to compute.

    Attributes:
      precision: `float32`, `mixed_bfloat16`, `mixed_float16`, or `auto`: mixed_float16 on GPUs of
        compute capability 7 and more, mixed_bfloat16 on CPUs with AVX-512 BF16 or AMX, else
        float32.
      strategy: `none`: one replica; `mirrored`: a replica on each GPU, or on each logical CPU where
        there is no GPU, with gradients summed over them; `auto`: mirrored where there are several
        GPUs. The batch size is that of all replicas together.
    """

    precision: str = "auto"
    strategy: str = "auto"

    def validate(self) -> None:
        """Raise ValueError for a field outside its range."""
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"`runtime.precision` must be one of {PRECISIONS}. Got: {self.precision!r}."
            )
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"`runtime.strategy` must be one of {STRATEGIES}. Got: {self.strategy!r}."
            )


def make_strategy(runtime: RuntimeConfig) -> tf.distribute.Strategy:
    """Return the strategy in whose scope a model is to be built and trained."""
    gpus = tf.config.list_physical_devices("GPU")
    if runtime.strategy == "mirrored" or (runtime.strategy == "auto" and len(gpus) > 1):
        # On CPUs the default's collectives mix up with those of synchronised batch norms.
        reduction = None if gpus else tf.distribute.ReductionToOneDevice()
        strategy: tf.distribute.Strategy = tf.distribute.MirroredStrategy(
            cross_device_ops=reduction
        )
    else:
        strategy = tf.distribute.get_strategy()
    logging.info("Replicas: %d (asked for: %s).", strategy.num_replicas_in_sync, runtime.strategy)
    return strategy


def configure(runtime: RuntimeConfig, seed: int) -> dict[str, Any]:
    """Set the precision policy and the seed of weight initialisation.

    Returns:
      The environment as JSON values: platform, devices, package versions, precision.
    """
    precision = hardware_precision() if runtime.precision == "auto" else runtime.precision
    logging.info("Precision: %s (asked for: %s).", precision, runtime.precision)
    keras.mixed_precision.set_global_policy(precision)
    keras.utils.set_random_seed(seed)
    return {
        "precision": precision,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "packages": {name: metadata.version(name) for name in _RECORDED_PACKAGES},
    }


def hardware_precision() -> str:
    """Return the fastest precision that this machine's hardware computes natively."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        capability = details.get("compute_capability", (0, 0))
        return "mixed_float16" if capability >= (7, 0) else "float32"
    cpu_flags = Path("/proc/cpuinfo")
    if cpu_flags.exists() and {"avx512_bf16", "amx_bf16"} & set(cpu_flags.read_text().split()):
        return "mixed_bfloat16"
    return "float32"
