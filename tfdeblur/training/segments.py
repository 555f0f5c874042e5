"""Ranges of a run's steps, each trained by one `fit` in one phase of the model."""

from collections.abc import Sequence

from absl import logging

from tfdeblur.models.base import RestorationModel
from tfdeblur.stack import keras
from tfdeblur.training.batch_stream import BatchStream
from tfdeblur.training.optimizer import start_schedules


class Segments:
    """Trains a compiled model on ranges of a run's batches.

    Attributes:
      model: the model.
      stream: the batches.
    """

    def __init__(self, model: RestorationModel, stream: BatchStream):
        self.model, self.stream = model, stream
        self._phase = -1  # The last one entered.

    def enter_phase(self, step: int) -> None:
        """Enter the phase of `step`, at its start or, when resuming, in its middle."""
        model = self.model
        self._phase = phase = model.phase_at(step)
        model.enter_phase(phase)
        starts = [
            s for p, s in enumerate(model.phase_starts[: phase + 1]) if model.resets_optimizers(p)
        ]
        if step in starts:
            model.reset_optimizers()
        others = model.discriminator_optimizers.values()
        start_schedules(model.generator_optimizer, others, max(starts, default=0))
        model.make_train_function(force=True)
        logging.info("Phase %d from step %d.", phase, step)

    def end_of(self, step: int, *limits: int) -> int:
        """Return where the segment from `step` ends: at a limit or the start of a phase."""
        return min([*limits, *(start for start in self.model.phase_starts if start > step)])

    def fit(self, step: int, end: int, callbacks: Sequence[keras.callbacks.Callback] = ()) -> None:
        """Train from `step` to `end`, in the phase of `step`, which is entered if it is new."""
        if self.model.phase_at(step) != self._phase:
            self.enter_phase(step)
        self.model.fit(
            self.stream.between(step, end),
            epochs=1,
            steps_per_epoch=end - step,
            verbose=0,
            callbacks=list(callbacks),
        )
