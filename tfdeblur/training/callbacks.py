"""What a run does after each step: progress bar, finite check, scalars, signals, profile.

Keras knows one callback, `EachStep`, which counts the run's steps; the rest are its functions.
"""

import io
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from tfdeblur.models.base import RestorationModel
from tfdeblur.stack import keras
from tfdeblur.training.scalars import Scalars
from tfdeblur.training.stop_signal import StopSignal
from tfdeblur.training.watchdog import Watchdog
from tfdeblur.training.workers import Workers

RECENT = 100  # Steps whose scalars a flight record keeps.
AfterStep = Callable[[int, Mapping[str, float]], None]  # Takes finished steps, the last's scalars.


class EachStep(keras.callbacks.Callback):
    """Counts a run's steps during one `fit`, and passes each on.

    Attributes:
      step: finished steps.
    """

    def __init__(
        self,
        step: int,
        after: Sequence[AfterStep],
        before: Sequence[Callable[[int], None]] = (),
    ):
        """Begin after `step` finished steps.

        Args:
          step: finished steps.
          after: called in this order after each step.
          before: called before each step, with its number, counted from 1.
        """
        super().__init__()
        self.step, self._after, self._before = step, after, before

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        """Announce the next step."""
        for function in self._before:
            function(self.step + 1)

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Count a step and pass it on."""
        self.step += 1
        for function in self._after:
            function(self.step, logs)


class _Nowhere(io.TextIOBase):
    """Swallows the progress bar where there is no terminal."""

    def write(self, text: str) -> int:
        return len(text)


class Progress:
    """Shows the step, images per second, time left and loss, over all segments.

    Draws a bar on a terminal; elsewhere, logs a line every `every` steps.
    """

    def __init__(self, step: int, total: int, batch_size: int, every: int):
        self._on_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            file=sys.stderr if self._on_terminal else _Nowhere(),
        )
        self._batch_size, self._every = batch_size, every

    def after_step(self, step: int, logs: Mapping[str, float]) -> None:
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


def stop_on_signal(signal: StopSignal, workers: Workers, model: RestorationModel) -> AfterStep:
    """End `fit` between two steps after a SIGTERM, on all workers, whichever received it."""

    def check(step: int, logs: Mapping[str, float]) -> None:
        signal.step_to_save()
        if workers.any(signal.came):
            model.stop_training = True

    return check


def sign_of_life(watchdog: Watchdog) -> AfterStep:
    """Report each next step to the watchdog."""
    return lambda step, logs: watchdog.alive(f"step {step + 1}")


class ScalarLog:
    """Writes each scalar's mean over `every` steps, and the steps per second."""

    def __init__(self, scalars: Scalars, every: int):
        self._scalars, self._every = scalars, every
        self._sums: dict[str, float] = {}
        self._count = 0
        self._since = time.perf_counter()

    def after_step(self, step: int, logs: Mapping[str, float]) -> None:
        """Add one step's scalars; write the means of every `every` steps."""
        self._count += 1
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        if step % self._every == 0:
            self.write(step)

    def write(self, step: int) -> None:
        """Write the means of the steps since the last ones, up to `step`."""
        if not self._count:
            return
        now = time.perf_counter()
        means = {name: total / self._count for name, total in self._sums.items()}
        speed = {"steps_per_second": self._count / (now - self._since)}
        self._scalars.write("train", step, means | speed)
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


class FiniteCheck:
    """Stops a run with an error that names the non-finite values.

    Attributes:
      recent: (step, scalars) of the last `RECENT` steps.
    """

    def __init__(self) -> None:
        self.recent: deque[tuple[int, dict[str, float]]] = deque(maxlen=RECENT)

    def after_step(self, step: int, logs: Mapping[str, float]) -> None:
        """Check one step's scalars."""
        self.recent.append((step, {name: float(value) for name, value in logs.items()}))
        check_finite(logs, step)


def check_finite(values: Mapping[str, float], step: int) -> None:
    """Raise `NonFiniteError`, naming the step and each non-finite value, if there is any."""
    broken = {name: float(value) for name, value in values.items() if not np.isfinite(value)}
    if broken:
        raise NonFiniteError(step, broken)


class Profile:
    """Profiles some steps with TensorFlow, for TensorBoard's profile page."""

    def __init__(self, folder: Path, first: int, last: int):
        self._folder, self._first, self._last = folder, first, last
        self._step: int | None = None  # The last one profiled; None: it does not run.

    def before_step(self, step: int) -> None:
        """Start before the first step."""
        if step == self._first:
            tf.profiler.experimental.start(str(self._folder))
            self._step = step - 1

    def after_step(self, step: int, logs: Mapping[str, float]) -> None:
        """Stop after the last step."""
        if self._step is not None:
            self._step = step
            if step >= self._last:
                self.close()

    def close(self) -> None:
        """Stop when the segment ends, for whatever reason."""
        if self._step is not None:
            tf.profiler.experimental.stop()
            logging.info("Profile of steps %d to %d: %s.", self._first, self._step, self._folder)
            self._step = None
