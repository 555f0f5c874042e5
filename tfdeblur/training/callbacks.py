"""Keras callbacks of a training segment: progress bar, scalars, checkpoints.

Each counts global steps from the step at which the segment starts.
"""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfdeblur.training.checkpoints import Checkpoints


class ProgressBar(keras.callbacks.Callback):
    """Shows the step, the images per second, the time left, and the loss, over all segments."""

    def __init__(self, step: int, total: int, batch_size: int):
        super().__init__()
        self._bar = tqdm(total=total, initial=step, unit="step", dynamic_ncols=True)
        self._batch_size = batch_size

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Advance by one step."""
        self._bar.update(1)
        rate = self._bar.format_dict["rate"]
        images = f"{rate * self._batch_size:.1f}" if rate else "-"
        self._bar.set_postfix(loss=f"{logs['loss']:.4f}", images_per_s=images, refresh=False)

    def close(self) -> None:
        """Leave the finished bar on the screen."""
        self._bar.close()


class ScalarLog(keras.callbacks.Callback):
    """Writes each scalar's mean over `every` steps to TensorBoard, and the steps per second."""

    def __init__(self, writer: tf.summary.SummaryWriter, step: int, every: int):
        super().__init__()
        self._writer, self._step, self._every = writer, step, every
        self._sums: dict[str, float] = {}
        self._count = 0
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Add one step's scalars; write when `every` are together."""
        self._step += 1
        self._count += 1
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        if self._step % self._every == 0:
            self._write()

    def on_train_end(self, logs=None) -> None:
        """Write what is left."""
        self._write()

    def _write(self) -> None:
        if not self._count:
            return
        now = time.perf_counter()
        with self._writer.as_default(self._step):
            for name, total in self._sums.items():
                tf.summary.scalar(name, total / self._count)
            tf.summary.scalar("steps_per_second", self._count / (now - self._since))
        self._writer.flush()
        self._sums, self._count, self._since = {}, 0, now


class NonFiniteError(ValueError):
    """A term of the objective is NaN or infinite; the message names it and the step."""


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops the run with an error that names the terms that are not finite."""

    def __init__(self, step: int):
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Check one step's scalars."""
        self._step += 1
        broken = {name: float(value) for name, value in logs.items() if not np.isfinite(value)}
        if broken:
            raise NonFiniteError(
                f"Every term must be finite at step {self._step}. Got: {broken}. The latest "
                "checkpoint is from before."
            )


class PeriodicCheckpoint(keras.callbacks.Callback):
    """Saves the latest checkpoint whenever the global step is a multiple of `every`."""

    def __init__(self, checkpoints: Checkpoints, step: int, every: int):
        super().__init__()
        self._checkpoints, self._step, self._every = checkpoints, step, every

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Save when due."""
        self._step += 1
        if self._step % self._every == 0:
            self._checkpoints.save(self._step)


def summary_writer(workdir: Path, split: str) -> tf.summary.SummaryWriter:
    """Return the TensorBoard writer of `train` or `validation`: one run folder per split."""
    return tf.summary.create_file_writer(str(workdir / "logs" / split))
