"""Measure how fast an experiment trains on this machine, and where the time goes.

Four measurements take turns, round by round, so noise on the machine affects all alike. Each begins
with a few uncounted steps, which trace it and use up prefetched batches:

    peak      a 3x3 and a 5x5 convolution over many channels: what the machine can do
    bare      the model's train step in a loop around one `tf.function`, on one batch in memory
    fit       `fit` with a run's callbacks except checkpoints and averages, on the same batch
    run       like `fit`, on the experiment's own data

A run waits for data for a share of 1 - fit / run of its time.
"""

import functools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfdeblur.benchmarks.report import Rates
from tfdeblur.models.base import RestorationModel
from tfdeblur.stack import keras
from tfdeblur.studies.operations import FLOP_PER_MAC
from tfdeblur.studies.training_cost import build_without_vgg_weights, peak_memory, step_macs
from tfdeblur.training import callbacks
from tfdeblur.training.batch_stream import make_training_batches
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.runtime import configure, make_strategy
from tfdeblur.training.scalars import Scalars
from tfdeblur.training.stop_signal import StopSignal
from tfdeblur.training.watchdog import Watchdog
from tfdeblur.training.workers import Workers

PEAK_SHAPES = ((3, 128), (5, 64))  # Side of the kernel, channels in and out.
PEAK_IMAGES = (8, 96, 96)
SETTLE = 3  # Uncounted steps of a turn: `make_batches` keeps two batches ready.


def measure_training(config: ExperimentConfig, rounds: int, steps: int) -> dict[str, Any]:
    """Time an experiment's training, with random weights in VGG-19 if it needs VGG-19.

    Args:
      config: the experiment; its strategy decides how many replicas share a batch.
      rounds: number of turns of each measurement.
      steps: counted steps of each turn.

    Returns:
      JSON values: seconds per step for `bare`, `fit` and `run`, each as median, least and most;
      `fit_to_bare` and `waiting`, for each round; `images_per_second`, `gflops`,
      `peak_gflops`, `share_of_peak`, `peak_gib` and `machine`.

    Raises:
      ValueError: a field is out of its range, or the data is missing.
    """
    config.validate()
    strategy = make_strategy(config.runtime)
    environment = configure(config.runtime, config.seed)
    replicas = strategy.num_replicas_in_sync
    make_training_batches(
        config, seed=config.seed, replicas=replicas
    )  # Missing data is refused before anything is traced.
    macs = step_macs(config, config.train.batch_size // replicas) * replicas
    with strategy.scope():
        model = build_without_vgg_weights(config)
    with tempfile.TemporaryDirectory() as folder:
        turns = _turns(config, model, Workers.of(strategy), Path(folder))
        taken = take_turns(turns, rounds, steps)
    devices = replicas if tf.config.list_physical_devices("GPU") else 1  # CPUs share the cores.
    peak = [
        devices * FLOP_PER_MAC * _peak_macs(*shape) / seconds / 1e9
        for shape in PEAK_SHAPES
        for seconds in taken[f"peak{shape}"]
    ]
    run = statistics.median(taken["run"])
    gflops = FLOP_PER_MAC * macs / run / 1e9
    pairs = list(zip(taken["bare"], taken["fit"], taken["run"], strict=True))
    return {
        "experiment": config.name,
        "batch_size": config.train.batch_size,
        "replicas": replicas,
        "precision": environment["precision"],
        "seconds": {name: Rates.of(taken[name]).__dict__ for name in ("bare", "fit", "run")},
        "fit_to_bare": Rates.of([fit / bare for bare, fit, _ in pairs]).__dict__,
        "waiting": statistics.median(1 - fit / run for _, fit, run in pairs),
        "images_per_second": config.train.batch_size / run,
        "step_macs": macs,
        "gflops": gflops,
        "gflops_bare": FLOP_PER_MAC * macs / statistics.median(taken["bare"]) / 1e9,
        "peak_gflops": max(peak),
        "share_of_peak": gflops / max(peak),
        "peak_gib": peak_memory(),
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "tensorflow": tf.__version__,
        },
    }


class Continued(tf.distribute.DistributedDataset):
    """A stream that each `fit` continues where the one before left off.

    Keras would read a bare iterator through a Python generator, and a data set from its start.
    """

    def __init__(self, batches: tf.data.Dataset):
        """Begin at the first of `batches`."""
        self._iterator, self._element_spec = iter(batches), batches.element_spec

    def __iter__(self) -> Any:
        return self._iterator

    @property
    def element_spec(self) -> Any:
        return self._element_spec


def _turns(
    config: ExperimentConfig, model: RestorationModel, workers: Workers, folder: Path
) -> dict[str, Callable[[int], None]]:
    """Return the functions that take turns; each takes a number of steps."""
    replicas = workers.strategy.num_replicas_in_sync

    def batches(worker: int, of: int) -> tf.data.Dataset:
        return make_training_batches(
            config, seed=config.seed, replicas=replicas, worker=worker, workers=of
        )

    def repeated(worker: int, of: int) -> tf.data.Dataset:
        return batches(worker, of).take(1).cache().repeat()

    share = config.train.batch_size * config.model.discriminator_updates // replicas
    batch = next(iter(workers.distribute(repeated, share)))
    loop = tf.function(
        lambda batch: workers.strategy.run(model.train_step, args=(batch,)), autograph=False
    )
    streams = {
        "fit": Continued(workers.distribute(repeated, share)),
        "run": Continued(workers.distribute(batches, share)),
    }
    scalars = Scalars(folder)
    watchdog = Watchdog(0.0, folder)

    def bare(steps: int) -> None:
        for _ in range(steps):
            for value in loop(batch).values():
                for each in workers.strategy.experimental_local_results(value):
                    each.numpy()  # As callbacks do.

    def fit(name: str, steps: int) -> None:
        bar = callbacks.Progress(0, steps, config.train.batch_size, steps + 1)
        log = callbacks.ScalarLog(scalars, config.train.log_every)
        signal = StopSignal(alone=workers.count == 1)
        after = [
            callbacks.stop_on_signal(signal, workers, model),
            callbacks.FiniteCheck().after_step,
            bar.after_step,
            log.after_step,
            callbacks.sign_of_life(watchdog),
        ]
        model.fit(
            streams[name],
            epochs=1,
            steps_per_epoch=steps,
            verbose=0,
            callbacks=[callbacks.EachStep(0, after)],
        )
        log.write(steps)
        bar.close()

    return {
        "bare": bare,
        "fit": functools.partial(fit, "fit"),
        "run": functools.partial(fit, "run"),
        **{f"peak{shape}": _make_peak(*shape) for shape in PEAK_SHAPES},
    }


def take_turns(
    turns: dict[str, Callable[[int], None]], rounds: int, steps: int
) -> dict[str, list[float]]:
    """Time `steps` steps of each turn in every round, after `SETTLE` uncounted ones.

    Args:
      turns: functions that run a number of steps, by name.
      rounds: number of turns of each function.
      steps: counted steps of each turn.

    Returns:
      Seconds per step in each round, by name.
    """
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            turn(SETTLE)
            start = time.perf_counter()
            turn(steps)
            taken[name].append((time.perf_counter() - start) / steps)
    return taken


def _peak_macs(side: int, channels: int) -> int:
    count, height, width = PEAK_IMAGES
    return count * height * width * side * side * channels * channels


def _make_peak(side: int, channels: int) -> Callable[[int], None]:
    """Return a turn that runs a large convolution in the policy's compute precision."""
    dtype = keras.mixed_precision.global_policy().compute_dtype
    images = tf.cast(tf.random.stateless_normal((*PEAK_IMAGES, channels), (0, side)), dtype)
    kernel = tf.cast(tf.random.stateless_normal((side, side, channels, channels), (1, side)), dtype)
    convolve = tf.function(lambda: tf.reduce_max(tf.nn.conv2d(images, kernel, 1, "SAME")))

    def turn(steps: int) -> None:
        for _ in range(steps):
            convolve().numpy()

    return turn


def describe(measured: dict[str, Any]) -> str:
    """Format what `measure_training` returned."""
    seconds = {name: Rates(**values).text() for name, values in measured["seconds"].items()}
    return "\n".join(
        [
            f"{measured['experiment']}: batch {measured['batch_size']}, {measured['precision']}, "
            f"{measured['replicas']} replica(s), {measured['step_macs'] / 1e12:.4g} TMAC a step",
            f"  images/s          {measured['images_per_second']:.2f}",
            f"  seconds of a step {seconds['run']}; on one batch {seconds['fit']}; "
            f"bare loop {seconds['bare']}",
            f"  fit / bare loop   {Rates(**measured['fit_to_bare']).text()}",
            f"  waiting for data  {max(0.0, measured['waiting']):.1%}",
            f"  GFLOP/s           {measured['gflops']:.0f} of {measured['peak_gflops']:.0f}, "
            f"{measured['share_of_peak']:.0%} of the convolutions' peak "
            f"(bare loop {measured['gflops_bare'] / measured['peak_gflops']:.0%})",
            *(
                f"  peak memory       {peak:.2f} GiB, of {owner}"
                for owner, peak in measured["peak_gib"].items()
            ),
        ]
    )


def use_replicas(config: ExperimentConfig, count: int) -> None:
    """Make this process train on `count` GPUs or, without GPUs, logical CPUs.

    Call it before TensorFlow is used.

    Raises:
      ValueError: there are fewer GPUs.
    """
    config.runtime.strategy = "mirrored" if count > 1 else "none"
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if len(gpus) < count:
            raise ValueError(f"`--replicas` must be at most {len(gpus)}, the GPUs. Got: {count}.")
        tf.config.set_visible_devices(gpus[:count], "GPU")
    elif count > 1:
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, parts)


def scaling(measured: list[dict[str, Any]]) -> str:
    """Format the speeds that different numbers of replicas reach with the same batch."""
    first = measured[0]["images_per_second"]
    lines = [f"{measured[0]['experiment']}: batch {measured[0]['batch_size']}"]
    for each in measured:
        speed = each["images_per_second"]
        lines.append(
            f"  {each['replicas']:3d} replica(s): {speed:8.2f} images/s, {speed / first:.2f} times "
            f"the first, {each['seconds']['run']['median']:.3f} s a step"
        )
    return "\n".join(lines)
