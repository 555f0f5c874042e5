"""How fast an experiment trains on this machine, and what its time goes to.

Four things take turns, round by round, so that a noisy machine disturbs all alike:

    peak      a convolution of 3x3 and one of 5x5 over many channels: what the machine can do
    bare      the model's train step in a loop around one `tf.function`, on one batch in memory
    fit       `fit` with the callbacks of a run, on the same batch
    run       the same on the experiment's own data

The share of time that a run waits for data is 1 - fit / run.
"""

import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfdeblur.data.pipeline import make_batches
from tfdeblur.models.base import RestorationModel
from tfdeblur.studies.benchmark_report import Rates
from tfdeblur.studies.operations import FLOP_PER_MAC
from tfdeblur.studies.training_cost import build_without_vgg_weights, step_macs
from tfdeblur.training import callbacks
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.runtime import configure, make_strategy
from tfdeblur.training.scalars import Scalars
from tfdeblur.training.watchdog import Watchdog
from tfdeblur.training.workers import Workers

PEAK_SHAPES = ((3, 128), (5, 64))  # Side of a kernel, channels in and out.
PEAK_IMAGES = (8, 96, 96)
PEAK_REPEATS = 4
GIB = 2**30


def measure_training(config: ExperimentConfig, rounds: int, steps: int) -> dict[str, Any]:
    """Time an experiment's training; VGG-19, where it needs it, with random weights.

    Args:
      config: the experiment; its strategy decides how many replicas share a batch.
      rounds: how often each takes its turn.
      steps: of each turn.

    Returns:
      JSON values: seconds of a step for `bare`, `fit` and `run`, each as median, least and most;
      `fit_to_bare` and `waiting`, of each round; `images_per_second`, `gflops`,
      `peak_gflops`, `share_of_peak`, `peak_gib` and `machine`.

    Raises:
      ValueError: a field is out of its range, or the data is not there.
    """
    config.validate()
    strategy = make_strategy(config.runtime)
    environment = configure(config.runtime, config.seed)
    replicas = strategy.num_replicas_in_sync
    macs = step_macs(config, config.train.batch_size // replicas) * replicas
    with strategy.scope():
        model = build_without_vgg_weights(config)
    with tempfile.TemporaryDirectory() as folder:
        turns = _turns(config, model, Workers.of(strategy), Path(folder), steps)
        taken = _take_turns(turns, rounds)
    peak = [
        FLOP_PER_MAC * _peak_macs(*shape) / seconds / 1e9
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
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB,
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "tensorflow": tf.__version__,
        },
    }


def _turns(
    config: ExperimentConfig, model: RestorationModel, workers: Workers, folder: Path, steps: int
) -> dict[str, Callable[[], float]]:
    """Return what takes turns; each returns the seconds of one step."""
    updates, replicas = config.model.discriminator_updates, workers.strategy.num_replicas_in_sync
    whole = config.train.batch_size * updates

    def batches(worker: int, of: int) -> tf.data.Dataset:
        return make_batches(
            config.data,
            split=config.data.train_split,
            batch_size=whole,
            seed=config.seed,
            sub_batches=updates * config.train.micro_batches,
            replicas=replicas,
            worker=worker,
            workers=of,
        )

    def repeated(worker: int, of: int) -> tf.data.Dataset:
        return batches(worker, of).take(1).cache().repeat()

    share = whole // replicas
    stored = iter(workers.distribute(repeated, share))
    batch = next(stored)
    loop = tf.function(
        lambda batch: workers.strategy.run(model.train_step, args=(batch,)), autograph=False
    )
    streams = {
        "fit": workers.distribute(repeated, share),
        "run": workers.distribute(batches, share),
    }
    iterators = {name: iter(stream) for name, stream in streams.items()}
    scalars = Scalars(folder)
    watchdog = Watchdog(0.0, folder / "stacks.txt")

    def bare() -> float:
        for _ in range(steps):
            logs = loop(batch)
            tf.nest.map_structure(_wait_for, logs)
        return steps

    def fit(name: str) -> float:
        model.fit(
            iterators[name],
            epochs=1,
            steps_per_epoch=steps,
            verbose=0,
            callbacks=[
                callbacks.StopOnNonFinite(),
                callbacks.Progress(0, steps, config.train.batch_size, steps + 1),
                callbacks.ScalarLog(scalars, 0, config.train.log_every),
                callbacks.SignOfLife(watchdog, 0),
                callbacks.StopOnSignal(0, workers),
            ],
        )
        return steps

    turns: dict[str, Callable[[], float]] = {
        "bare": bare,
        "fit": lambda: fit("fit"),
        "run": lambda: fit("run"),
    }
    for shape in PEAK_SHAPES:
        turns[f"peak{shape}"] = _make_peak(*shape)
    return turns


def _take_turns(turns: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Time each turn, after one of each that is not counted: seconds of one step."""
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for round_ in range(rounds + 1):
        for name, turn in turns.items():
            start = time.perf_counter()
            steps = turn()
            if round_:
                taken[name].append((time.perf_counter() - start) / steps)
    return taken


def _wait_for(value: Any) -> None:
    """Wait until a replica's or the only value is there, as callbacks do."""
    for each in tf.distribute.get_strategy().experimental_local_results(value):
        each.numpy()


def _peak_macs(side: int, channels: int) -> int:
    count, height, width = PEAK_IMAGES
    return count * height * width * side * side * channels * channels


def _make_peak(side: int, channels: int) -> Callable[[], float]:
    """Return a turn of a large convolution in the precision that the policy computes in."""
    dtype = tf.keras.mixed_precision.global_policy().compute_dtype
    images = tf.cast(tf.random.stateless_normal((*PEAK_IMAGES, channels), (0, side)), dtype)
    kernel = tf.cast(tf.random.stateless_normal((side, side, channels, channels), (1, side)), dtype)
    convolve = tf.function(lambda: tf.reduce_max(tf.nn.conv2d(images, kernel, 1, "SAME")))

    def turn() -> float:
        for _ in range(PEAK_REPEATS):
            convolve().numpy()
        return PEAK_REPEATS

    return turn


def describe(measured: dict[str, Any]) -> str:
    """Lay out what `measure_training` returned."""
    seconds = {name: Rates(**values).text() for name, values in measured["seconds"].items()}
    return "\n".join(
        [
            f"{measured['experiment']}: batch {measured['batch_size']}, {measured['precision']}, "
            f"{measured['replicas']} replica(s), {measured['step_macs'] / 1e12:.3f} TMAC a step",
            f"  images/s          {measured['images_per_second']:.2f}",
            f"  seconds of a step {seconds['run']}; on one batch {seconds['fit']}; "
            f"bare loop {seconds['bare']}",
            f"  fit / bare loop   {Rates(**measured['fit_to_bare']).text()}",
            f"  waiting for data  {max(0.0, measured['waiting']):.1%}",
            f"  GFLOP/s           {measured['gflops']:.0f} of {measured['peak_gflops']:.0f}, "
            f"{measured['share_of_peak']:.0%} of the convolutions' peak "
            f"(bare loop {measured['gflops_bare'] / measured['peak_gflops']:.0%})",
            f"  peak memory       {measured['peak_gib']:.2f} GiB, of this process",
        ]
    )


def use_replicas(config: ExperimentConfig, count: int) -> None:
    """Make this process train on `count` GPUs or, without a GPU, logical CPUs.

    To be called before TensorFlow is used.

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
    """Lay out what several numbers of replicas reached with the same batch."""
    first = measured[0]["images_per_second"]
    lines = [f"{measured[0]['experiment']}: batch {measured[0]['batch_size']}"]
    for each in measured:
        speed = each["images_per_second"]
        lines.append(
            f"  {each['replicas']:3d} replica(s): {speed:8.2f} images/s, {speed / first:.2f} times "
            f"the first, {each['seconds']['run']['median']:.3f} s a step"
        )
    return "\n".join(lines)
