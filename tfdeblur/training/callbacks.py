"""Keras callbacks of a training segment: progress bar, scalars, checkpoints.

Each counts global steps from the step at which the segment starts.
"""

import io
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from tfdeblur.training.checkpoints import Checkpoints


class Progress(keras.callbacks.Callback):
    """Shows the step, the images per second, the time left, and the loss, over all segments.

    A bar on a terminal, else, as in a file, a line of the log every `every` steps.
    """

    def __init__(self, step: int, total: int, batch_size: int, every: int):
        super().__init__()
        self._on_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            file=sys.stderr if self._on_terminal else io.StringIO(),
        )
        self._batch_size, self._every = batch_size, every

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Advance by one step."""
        self._bar.update(1)
        facts = self._bar.format_dict
        images = f"{facts['rate'] * self._batch_size:.1f}" if facts["rate"] else "-"
        loss = f"{logs['loss']:.4f}"
        if self._on_terminal:
            self._bar.set_postfix(loss=loss, images_per_s=images, refresh=False)
        elif self._bar.n % self._every == 0:
            left = (facts["total"] - facts["n"]) / facts["rate"] if facts["rate"] else 0
            logging.info(
                "Step %d of %d, loss %s, %s images/s, %s left.",
                facts["n"], facts["total"], loss, images, tqdm.format_interval(left),
            )  # fmt: skip

    def close(self) -> None:
        """Leave the finished bar on the screen."""
        self._bar.close()


class StopOnSignal(keras.callbacks.Callback):
    """Ends the run between two steps once SIGTERM has come, and leaves the handler as it was.

    Python delivers signals to the main thread only; elsewhere this does nothing.

    Attributes:
      came: whether the signal has come.
      step: the finished steps.
    """

    def __init__(self, step: int):
        super().__init__()
        self.came = False
        self.step = step
        self._before: Any = None

    def on_train_begin(self, logs=None) -> None:
        """Begin to listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, frame) -> None:
        self.came = True

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Stop if a signal came during the step."""
        self.step += 1
        if self.came:
            self.model.stop_training = True

    def on_train_end(self, logs=None) -> None:
        """Stop to listen."""
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)


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
        check_finite(logs, self._step)


def check_finite(values: Mapping[str, float], step: int) -> None:
    """Raise `NonFiniteError` that names the step and each value that is not finite."""
    broken = {name: float(value) for name, value in values.items() if not np.isfinite(value)}
    if broken:
        raise NonFiniteError(f"Every term must be finite at step {step}. Got: {broken}.")


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
