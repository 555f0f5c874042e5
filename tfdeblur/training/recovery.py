"""What follows a step that is not finite: a flight record, then the end or a rollback."""

from pathlib import Path

from absl import logging

from tfdeblur.training.callbacks import EachStep, FiniteCheck, NonFiniteError, sign_of_life
from tfdeblur.training.checkpoints import Checkpoints
from tfdeblur.training.experiment import TrainConfig
from tfdeblur.training.flight_record import Operation, find_operation, write_record
from tfdeblur.training.segments import Segments
from tfdeblur.training.watchdog import Watchdog
from tfdeblur.training.workers import Workers


class Recovery:
    """Records a run's non-finite steps, and rolls it back if its configuration says so."""

    def __init__(
        self,
        plan: TrainConfig,
        folder: Path,
        segments: Segments,
        checkpoints: Checkpoints,
        workers: Workers,
        watchdog: Watchdog,
        finite: FiniteCheck,
    ):
        self._plan = plan
        self._folder = folder
        self._segments = segments
        self._checkpoints = checkpoints
        self._workers = workers
        self._watchdog = watchdog
        self._finite = finite

    def recover(self, error: NonFiniteError) -> int:
        """Record a non-finite step; stop the run, or return the step to resume from.

        Raises:
          NonFiniteError: the run stops; the message says where the record is.
        """
        plan, stream = self._plan, self._segments.stream
        record = self._folder / "flight_records" / f"step-{error.step}"
        culprits = self._record(error, record)
        where = f" See {record}"
        where += f"; samples: {', '.join(culprits)}." if culprits else "."
        if plan.on_non_finite == "stop" or stream.redrawn.total() >= plan.most_rollbacks:
            raise NonFiniteError(error.step, error.broken, where) from error
        logging.error("%s%s The batch is redrawn.", error, where)
        stream.redraw(error.step - 1, self._folder)
        step = self._checkpoints.restore()
        self._segments.enter_phase(step)
        return step

    def _record(self, error: NonFiniteError, folder: Path) -> list[str]:
        """Replay the steps up to the failing one, then inspect it."""
        segments, stream, model = self._segments, self._segments.stream, self._segments.model
        last = error.step - 1
        self._replay(last)
        segments.enter_phase(last)
        share = next(iter(stream.between(last, error.step)))
        found = self._workers.gather(model.sample_terms, share)
        model.make_train_function(force=True)
        if self._workers.count == 1:
            operation = find_operation(lambda: segments.fit(last, error.step))
        else:  # The process that found it would leave the others waiting for its gradients.
            operation = Operation(description="Only available in single-process training.")
        return write_record(
            folder,
            error=error,
            batch=stream.whole(last),
            terms=found,
            operation=operation,
            recent=self._finite.recent,
        )

    def _replay(self, last: int) -> None:
        """Train from the latest checkpoint to `last` finished steps."""
        step = self._checkpoints.restore()
        logging.info("Replaying steps %d to %d, to see what happened.", step, last)
        while step < last:
            self._segments.enter_phase(step)
            end = self._segments.end_of(step, last)
            self._segments.fit(step, end, [EachStep(step, [sign_of_life(self._watchdog)])])
            step = end
