"""A run's numeric precision, devices and seeds, and a record of its environment."""

import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from tfdeblur.layers.randomness import seed_draws
from tfdeblur.rules import check_fields, non_negative, one_of
from tfdeblur.stack import keras
from tfdeblur.training.workers import workers_of_environment

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
        compute capability 7 and up, mixed_bfloat16 on CPUs with AVX-512 BF16 or AMX, else float32.
      strategy: `none`: one replica; `mirrored`: a replica on each GPU, or on each logical CPU if
        there is no GPU, with gradients summed over them; `multi_worker`: like `mirrored`, over all
        processes that the environment variable TF_CONFIG lists; `auto`: multi_worker if TF_CONFIG
        lists several, else mirrored if there are several GPUs, else none. The batch size counts all
        replicas together.
      tensor_float_32: whether GPUs may round float32 factors to 10 bits.
      deterministic: whether to use only operations whose results do not depend on the order of
        threads; slower on GPUs, where operations without a deterministic form raise an error.
      hang_seconds: report a step, a validation or a start that takes longer, with the stacks of all
        threads; 0: never.
    """

    precision: str = one_of(PRECISIONS, default="auto")
    strategy: str = one_of(("auto", "none", "mirrored", "multi_worker"), default="auto")
    tensor_float_32: bool = True
    deterministic: bool = False
    hang_seconds: float = non_negative(default=900.0)

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule."""
        check_fields(self, "runtime.")


def make_strategy(runtime: RuntimeConfig) -> tf.distribute.Strategy:
    """Return the strategy in whose scope to build and train a model.

    With several workers it connects to the others, so it must be the first use of TensorFlow.

    Raises:
      ValueError: `strategy` is multi_worker, but TF_CONFIG does not list the workers.
    """
    gpus = tf.config.list_physical_devices("GPU")
    chosen, workers = runtime.strategy, workers_of_environment()
    if chosen == "auto":
        chosen = "multi_worker" if workers > 1 else "mirrored" if len(gpus) > 1 else "none"
    if chosen == "multi_worker":
        if not workers:
            raise ValueError(
                "`runtime.strategy` multi_worker needs the environment variable TF_CONFIG, which "
                "lists the workers (or --local_workers=2, which sets it). Got: none."
            )
        strategy: tf.distribute.Strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif chosen == "mirrored":
        # On CPUs the default's collectives get mixed up with those of synchronised batch norms.
        reduction = None if gpus else tf.distribute.ReductionToOneDevice()
        strategy = tf.distribute.MirroredStrategy(cross_device_ops=reduction)
    else:
        strategy = tf.distribute.get_strategy()
    logging.info(
        "Strategy: %s (asked for: %s), %d replicas.",
        chosen, runtime.strategy, strategy.num_replicas_in_sync,
    )  # fmt: skip
    return strategy


def configure(runtime: RuntimeConfig, seed: int) -> dict[str, Any]:
    """Set the precision policy, the switches, and the seed for initial weights and draws.

    Returns:
      The environment as JSON values: platform, devices, package versions, precision, switches.
    """
    precision = hardware_precision() if runtime.precision == "auto" else runtime.precision
    logging.info("Precision: %s (asked for: %s).", precision, runtime.precision)
    keras.mixed_precision.set_global_policy(precision)
    keras.utils.set_random_seed(seed)
    seed_draws(seed)
    tf.config.experimental.enable_tensor_float_32_execution(runtime.tensor_float_32)
    if runtime.deterministic:
        tf.config.experimental.enable_op_determinism()
    return {
        "precision": precision,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "deterministic": runtime.deterministic,
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
