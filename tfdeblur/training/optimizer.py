"""Adam and its learning rate schedules."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf

from tfdeblur.rules import at_least, check_fields, fraction, non_negative, one_of, positive, ruled
from tfdeblur.stack import keras


@dataclass
class OptimizerConfig:
    """Adam for every network.

    Attributes:
      epsilon: added to the root of the second moment. No paper states one; 1e-8 is the default of
        Torch and TensorFlow 1 (Keras: 1e-7).
      learning_rate: the peak; for `piecewise`, the first rate.
      schedule: of the generator's and the discriminators' rates, over the run's steps:
        `constant`;
        `cosine`: decay to zero over `train.steps`;
        `staircase`: `learning_rate * decay_rate ** floor(step / decay_steps)`;
        `piecewise`: `rates[i]` before step `boundaries[i]`, then the last of `rates`.
      warmup_steps: steps of linear growth from zero to `learning_rate`; `cosine` only.
      decay_rate: of `staircase`.
      decay_steps: of `staircase`.
      boundaries: of `piecewise`; increasing steps.
      rates: of `piecewise`; one more than `boundaries`.
      discriminator_learning_rate: replaces `learning_rate` for the discriminators; 0: use
        `learning_rate`. Not for `piecewise`.
      clip_norm: largest global norm of the trained network's gradients, in float32 without the loss
        scale; larger ones are scaled down. 0: no clipping.
    """

    learning_rate: float = positive(default=2e-4)
    beta_1: float = fraction(default=0.5)
    beta_2: float = fraction(default=0.999)
    epsilon: float = positive(default=1e-8)
    schedule: str = one_of(("constant", "cosine", "staircase", "piecewise"), default="constant")
    warmup_steps: int = at_least(0, default=0)
    decay_rate: float = ruled("above 0 and at most 1", lambda value: 0 < value <= 1, default=0.9)
    decay_steps: int = at_least(1, default=12_000)
    boundaries: tuple[int, ...] = ()
    rates: tuple[float, ...] = ()
    discriminator_learning_rate: float = non_negative(default=0.0)
    clip_norm: float = non_negative(default=0.0)

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule, or fields that do not fit together."""
        check_fields(self, "optimizer.")
        if self.warmup_steps and self.schedule != "cosine":
            raise ValueError(
                "`optimizer.warmup_steps` must be 0 without a cosine schedule. "
                f"Got: {self.warmup_steps} with {self.schedule!r}."
            )
        if self.schedule == "piecewise":
            self._validate_pieces()
        elif self.boundaries or self.rates:
            raise ValueError(
                "`optimizer.boundaries` and `optimizer.rates` need the piecewise schedule. "
                f"Got: {self.schedule!r}."
            )

    def _validate_pieces(self) -> None:
        steps = (0, *self.boundaries)
        rising = all(earlier < later for earlier, later in itertools.pairwise(steps))
        if not self.boundaries or not rising:
            raise ValueError(
                "`optimizer.boundaries` must be one step at least, each later than the one before. "
                f"Got: {self.boundaries}."
            )
        if len(self.rates) != len(steps):
            raise ValueError(
                f"`optimizer.rates` must be {len(steps)}, one more than the boundaries. "
                f"Got: {len(self.rates)}."
            )
        if not all(0 < rate < float("inf") for rate in self.rates):
            raise ValueError(f"`optimizer.rates` must be positive and finite. Got: {self.rates}.")
        if not math.isclose(self.rates[0], self.learning_rate):
            raise ValueError(
                "`optimizer.learning_rate` must be the first of `optimizer.rates`, "
                f"{self.rates[0]}. Got: {self.learning_rate}."
            )
        if self.discriminator_learning_rate:
            raise ValueError(
                "`optimizer.discriminator_learning_rate` must be 0 with the piecewise schedule. "
                f"Got: {self.discriminator_learning_rate}."
            )

    def build(self, steps: int) -> keras.optimizers.Optimizer:
        """Build the trained network's optimizer for a run of `steps`."""
        rate = self._rate(self.learning_rate, steps)
        # Keras clips gradients after summing them over replicas and removing the loss scale.
        return self._adam(rate, global_clipnorm=self.clip_norm or None)

    def build_for_discriminator(self, steps: int) -> keras.optimizers.Optimizer:
        """Build one discriminator's optimizer for a run of `steps`."""
        rate = self._rate(self.discriminator_learning_rate or self.learning_rate, steps)
        return self._adam(rate, global_clipnorm=None)

    def _adam(self, rate, global_clipnorm: float | None) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(
            rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            global_clipnorm=global_clipnorm,
        )

    def _rate(self, learning_rate: float, steps: int):
        schedules = keras.optimizers.schedules
        if self.schedule == "constant":
            return learning_rate
        if self.schedule == "cosine":
            schedule = schedules.CosineDecay(
                initial_learning_rate=0.0 if self.warmup_steps else learning_rate,
                decay_steps=max(1, steps - self.warmup_steps),
                warmup_target=learning_rate if self.warmup_steps else None,
                warmup_steps=self.warmup_steps,
            )
        elif self.schedule == "staircase":
            schedule = schedules.ExponentialDecay(
                learning_rate, self.decay_steps, self.decay_rate, staircase=True
            )
        else:
            # Keras counts a boundary's own step to the piece before it.
            last_steps = [boundary - 1 for boundary in self.boundaries]
            schedule = schedules.PiecewiseConstantDecay(last_steps, list(map(float, self.rates)))
        return RunSchedule(schedule)


class RunSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate over a run's steps, independent of when and how often its optimizer updates.

    Attributes:
      schedule: the rate at a step of the run.
      counter: counts the steps; None: count the optimizer's own updates.
      start: the run's step at which the counter was 0; read when a train step is traced.
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        counter: tf.Variable | None = None,
        start: int = 0,
    ):
        self.schedule = schedule
        self.counter = counter
        self.start = start

    def __call__(self, step) -> tf.Tensor:
        """Return the rate; `step` counts the optimizer's own updates."""
        return self.schedule((step if self.counter is None else self.counter) + self.start)

    def get_config(self) -> dict:
        """Return the arguments that rebuild this schedule, except the counter."""
        return {"schedule": self.schedule, "start": self.start}


def start_schedules(
    optimizer: keras.optimizers.Optimizer,
    others: Iterable[keras.optimizers.Optimizer],
    step: int,
) -> None:
    """Make all schedules follow the generator's optimizer, wrapped for loss scaling or not.

    It updates once per step, after the others, which may update several times or join later.

    Args:
      optimizer: the generator's.
      others: the discriminators'.
      step: the run's step at which the generator's optimizer counted 0.
    """
    counter = getattr(optimizer, "inner_optimizer", optimizer).iterations
    for each in (optimizer, *others):
        schedule = getattr(each, "inner_optimizer", each)._learning_rate
        if isinstance(schedule, RunSchedule):
            schedule.counter, schedule.start = counter, step
