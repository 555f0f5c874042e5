"""Keras callbacks for training: progress bar, finite check, scalars, checkpoints, signals.

Most are created for each segment and count global steps from its first.
"""

import io
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from tfdeblur.stack import keras
from tfdeblur.training.averaging import AveragedWeights
from tfdeblur.training.checkpoints import Checkpoints
from tfdeblur.training.scalars import Scalars
from tfdeblur.training.stop_signal import StopSignal
from tfdeblur.training.watchdog import Watchdog
from tfdeblur.training.workers import Workers

RECENT = 100  # Steps whose scalars a flight record keeps.


class _Nowhere(io.TextIOBase):
    """Swallows the progress bar where there is no terminal."""

    def write(self, text: str) -> int:
        return len(text)


class Progress(keras.callbacks.Callback):
    """Shows the step, images per second, time left and loss, over all segments.

    Draws a bar on a terminal; elsewhere, logs a line every `every` steps.
    """

    def __init__(self, step: int, total: int, batch_size: int, every: int):
        super().__init__()
        self._on_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            file=sys.stderr if self._on_terminal else _Nowhere(),
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

    def go_back(self, step: int) -> None:
        """Show that the run continues from an earlier step."""
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """Leave the finished bar on the screen."""
        self._bar.close()


class StopOnSignal(keras.callbacks.Callback):
    """Ends a segment between two steps after a SIGTERM.

    All workers stop together, whichever of them received the signal.

    Attributes:
      step: finished steps.
    """

    def __init__(self, signal: StopSignal, step: int, workers: Workers):
        super().__init__()
        self.step = step
        self._signal, self._workers = signal, workers

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Stop if a signal arrived during the step."""
        self._signal.step_to_save()
        self.step += 1
        if self._workers.any(self._signal.came):
            self.model.stop_training = True


class ScalarLog(keras.callbacks.Callback):
    """Writes each scalar's mean over `every` steps, and the steps per second."""

    def __init__(self, scalars: Scalars, step: int, every: int):
        super().__init__()
        self._scalars, self._step, self._every = scalars, step, every
        self._sums: dict[str, float] = {}
        self._count = 0
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Add one step's scalars; write the means of every `every` steps."""
        self._step += 1
        self._count += 1
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        if self._step % self._every == 0:
            self._write()

    def on_train_end(self, logs=None) -> None:
        """Write the remaining steps' means."""
        self._write()

    def _write(self) -> None:
        if not self._count:
            return
        now = time.perf_counter()
        means = {name: total / self._count for name, total in self._sums.items()}
        speed = {"steps_per_second": self._count / (now - self._since)}
        self._scalars.write("train", self._step, means | speed)
        self._sums, self._count, self._since = {}, 0, now


class NonFiniteError(ValueError):
    """Terms or gradients are NaN or infinite; the message names them and the step.

    Attributes:
      step: where they were found, counted from 1.
      broken: their values by name.
    """

    def __init__(self, step: int, broken: Mapping[str, float], more: str = ""):
        super().__init__(
            f"Every term and gradient must be finite at step {step}. Got: {dict(broken)}.{more}"
        )
        self.step = step
        self.broken = dict(broken)


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops a segment with an error that names the non-finite values. Serves a whole run.

    Attributes:
      recent: (step, scalars) of the last `RECENT` steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recent: deque[tuple[int, dict[str, float]]] = deque(maxlen=RECENT)
        self._step = 0

    def start(self, step: int) -> "StopOnNonFinite":
        """Begin a segment after `step` finished steps."""
        self._step = step
        return self

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Check one step's scalars."""
        self._step += 1
        self.recent.append((self._step, {name: float(value) for name, value in logs.items()}))
        check_finite(logs, self._step)


def check_finite(values: Mapping[str, float], step: int) -> None:
    """Raise `NonFiniteError`, naming the step and each non-finite value, if there is any."""
    broken = {name: float(value) for name, value in values.items() if not np.isfinite(value)}
    if broken:
        raise NonFiniteError(step, broken)


class UpdateAverage(keras.callbacks.Callback):
    """Updates the average of the weights after each step."""

    def __init__(self, average: AveragedWeights, step: int):
        super().__init__()
        self._average, self._step = average, step

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Update the average."""
        self._step += 1
        self._average.update(tf.constant(self._step))


class SignOfLife(keras.callbacks.Callback):
    """Reports each step to the watchdog."""

    def __init__(self, watchdog: Watchdog, step: int):
        super().__init__()
        self._watchdog, self._step = watchdog, step

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Report the next step."""
        self._step += 1
        self._watchdog.alive(f"step {self._step + 1}")


class Profile(keras.callbacks.Callback):
    """Profiles some steps with TensorFlow, for TensorBoard's profile page."""

    def __init__(self, folder: Path, first: int, last: int, step: int):
        super().__init__()
        self._folder, self._first, self._last, self._step = folder, first, last, step
        self._running = False

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        """Start before the first step."""
        if self._step + 1 == self._first:
            tf.profiler.experimental.start(str(self._folder))
            self._running = True

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Stop after the last step."""
        self._step += 1
        if self._step >= self._last:
            self._stop()

    def close(self) -> None:
        """Stop when the segment ends, for whatever reason."""
        self._stop()

    def _stop(self) -> None:
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
            logging.info("Profile of steps %d to %d: %s.", self._first, self._step, self._folder)


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
