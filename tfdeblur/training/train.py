"""Run or resume one experiment in a folder.

The folder holds config.json, environment.json, checkpoints/ and logs/ (TensorBoard, scalars.csv),
and, if something went wrong, flight_records/ and redrawn.json. Running the same experiment there
again resumes from the latest checkpoint.
"""

import contextlib
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from tfdeblur.models.base import RestorationModel
from tfdeblur.training import callbacks
from tfdeblur.training.averaging import AveragedWeights
from tfdeblur.training.batch_stream import BatchStream
from tfdeblur.training.callbacks import NonFiniteError
from tfdeblur.training.checkpoints import Checkpoints
from tfdeblur.training.digest import weights_sha256
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.initialise import initialise
from tfdeblur.training.optimizer import start_schedules
from tfdeblur.training.recovery import Recovery
from tfdeblur.training.run_folder import claim
from tfdeblur.training.runtime import configure, make_strategy
from tfdeblur.training.scalars import Scalars
from tfdeblur.training.segments import Segments
from tfdeblur.training.stop_signal import Interrupted, StopSignal
from tfdeblur.training.validation import Validation
from tfdeblur.training.watchdog import Watchdog
from tfdeblur.training.workers import Workers


def train(config: ExperimentConfig, workdir: str | Path) -> dict[str, Any]:
    """Train until `config.train.steps`, resuming from the latest checkpoint if there is one.

    Args:
      config: the experiment. On resuming it must equal the saved one, except for `train.steps`,
        which may change unless a cosine schedule depends on it.
      workdir: the run's folder; created if missing. Several workers must share it.

    Returns:
      `step`, the `seconds` this call took, the last validation's summary as `validation`, and
      `weights_sha256` (see `digest.weights_sha256`).

    Raises:
      stop_signal.Interrupted: SIGTERM arrived; the last finished step is saved.
      ValueError: a field is out of its range, or differs from the run in `workdir`.
      callbacks.NonFiniteError: a term or gradient is not finite; see the flight record.
      OSError: `workdir` cannot be written to; `checkpoints.CheckpointError` says what is left.
    """
    config.validate()
    workdir = Path(workdir)
    watchdog = Watchdog(config.runtime.hang_seconds, workdir)
    with watchdog, tempfile.TemporaryDirectory(prefix="tfdeblur-worker-") as own:
        workers = Workers.of(make_strategy(config.runtime))
        with StopSignal(alone=workers.count == 1) as stop:
            folder = workdir if workers.is_chief else Path(own)
            environment = configure(config.runtime, config.seed)
            environment["replicas"] = workers.strategy.num_replicas_in_sync
            environment["workers"] = workers.count
            claim(folder, config, environment, workers)
            with workers.strategy.scope():
                model = build_model(config)
                decay = config.train.average_decay
                average = AveragedWeights(model.network, decay) if decay else None
                checkpoints = Checkpoints(
                    workdir / "checkpoints", model, average, folder / "checkpoints"
                )
                step = checkpoints.restore()
                workers.check_equal("finished steps", step, "they must share the run's folder")
                stop.all_saved(step)
                if step == 0 and config.train.init_from:
                    initialise(model, config.train.init_from, partly=config.train.init_partly)
                if step == 0 and average:
                    average.start()
            stream = BatchStream(config, workers, workdir)
            run = _Run(config, folder, model, average, checkpoints, workers, watchdog, stream, stop)
            return run.resume(step)


def build_model(config: ExperimentConfig) -> RestorationModel:
    """Build and compile the model of an experiment, with random weights."""
    return compile_model(config.model.build(), config)


def compile_model(model: RestorationModel, config: ExperimentConfig) -> RestorationModel:
    """Compile a model with an experiment's optimizers, and return it."""
    optimizer, steps = config.optimizer, config.train.steps
    model.micro_batches = config.train.micro_batches
    model.compile(
        optimizer.build(steps),
        {name: optimizer.build_for_discriminator(steps) for name in model.discriminators},
    )
    others = model.discriminator_optimizers.values()
    start_schedules(model.generator_optimizer, others, step=0)
    return model


class _Run:
    """The segments of one run: `fit` between validations and the starts of phases."""

    def __init__(
        self,
        config: ExperimentConfig,
        folder: Path,
        model: RestorationModel,
        average: AveragedWeights | None,
        checkpoints: Checkpoints,
        workers: Workers,
        watchdog: Watchdog,
        stream: BatchStream,
        stop: StopSignal,
    ):
        self.config = config
        self.folder = folder
        self.model = model
        self.average = average
        self.checkpoints = checkpoints
        self.workers = workers
        self.watchdog = watchdog
        self.scalars = Scalars(folder / "logs")
        self.finite = callbacks.FiniteCheck()
        self.segments = Segments(model, stream)
        self.recovery = Recovery(
            config.train, folder, self.segments, checkpoints, workers, watchdog, self.finite
        )
        self.stop = stop
        self.validation = Validation(config, self.scalars)

    def resume(self, step: int) -> dict[str, Any]:
        """Train from `step` to the end; see `train`."""
        plan = self.config.train
        started = time.perf_counter()
        self._resume_logs(step)
        if step == 0:
            self.checkpoints.save(0)  # Finds out now whether the disk can be written to.
            self.scalars.write_graph(self.validation.generator)
        self._exit_if_preempted(step)
        # A run interrupted during a validation still owes it.
        summary = self._score(step) if self._owes_validation(step) else None
        if self._is_over(step):
            logging.info("Step %d of %d: nothing is left to train.", step, plan.steps)
        bar = callbacks.Progress(step, plan.steps, plan.batch_size, plan.log_every)
        with contextlib.closing(bar):
            while not self._is_over(step):
                try:
                    step = self._fit(step, bar)
                except NonFiniteError as error:
                    step = self._recover(error)
                    bar.go_back(step)
                    continue
                self.checkpoints.save(step)  # Before validating, which may fail or be interrupted.
                self._exit_if_preempted(step)
                summary = self._score(step) if self._owes_validation(step) else None
        if step < plan.steps:
            logging.info("No better PSNR in %d validations: the end.", plan.patience)
        summary = summary or self.validate(step)
        return {
            "step": step,
            "seconds": time.perf_counter() - started,
            "validation": summary,
            "weights_sha256": weights_sha256(self.model, self.average),
        }

    def _resume_logs(self, step: int) -> None:
        """Drop everything logged after the checkpoint."""
        self.scalars.resume(step, int(self.checkpoints.validated_step.numpy()))

    def _exit_if_preempted(self, step: int) -> None:
        """End a fully saved run if any worker has received SIGTERM.

        Raises:
          Interrupted: a worker has received it.
        """
        if self.workers.any(self.stop.came):  # And no worker exits before all have saved.
            raise Interrupted(step)
        self.stop.all_saved(step)

    def _is_over(self, step: int) -> bool:
        """Tell whether all steps are done or patience has run out."""
        plan = self.config.train
        waited = step - int(self.checkpoints.best_step.numpy())
        return step >= plan.steps or 0 < plan.patience * plan.validate_every <= waited

    def _owes_validation(self, step: int) -> bool:
        plan = self.config.train
        due = step == plan.steps or (step > 0 and step % plan.validate_every == 0)
        return due and step > int(self.checkpoints.validated_step.numpy())

    def _score(self, step: int) -> dict[str, Any]:
        """Validate, keep the weights if they are the best so far, and save their score."""
        summary = self.validate(step)
        psnr = self.workers.from_chief(summary["restored"]["psnr"])
        best = self.checkpoints.save_if_best(step, psnr)
        logging.info("Step %d: %.3f dB%s.", step, psnr, ", the best so far" if best else "")
        self.checkpoints.save(step)
        return summary

    def _fit(self, step: int, bar: callbacks.Progress) -> int:
        """Train to the next validation, phase or signal; return the finished steps."""
        plan = self.config.train
        validation = (step // plan.validate_every + 1) * plan.validate_every
        profile = callbacks.Profile(self.folder / "logs" / "train", *plan.profile)
        log = callbacks.ScalarLog(self.scalars, plan.log_every)
        counted = callbacks.EachStep(
            step,
            after=[
                callbacks.stop_on_signal(self.stop, self.workers, self.model),
                profile.after_step,
                self.finite.after_step,
                self._update_average,
                bar.after_step,
                log.after_step,
                self._save_when_due,
                callbacks.sign_of_life(self.watchdog),
            ],
            before=[profile.before_step],
        )
        with contextlib.closing(profile):
            self.segments.fit(step, self.segments.end_of(step, plan.steps, validation), [counted])
        log.write(counted.step)
        return counted.step

    def _update_average(self, step: int, logs: Mapping[str, float]) -> None:
        if self.average:
            self.average.update(tf.constant(step))

    def _save_when_due(self, step: int, logs: Mapping[str, float]) -> None:
        if step % self.config.train.checkpoint_every == 0:
            self.checkpoints.save(step)

    def _recover(self, error: NonFiniteError) -> int:
        """Stop the run after a non-finite step, or return the step to resume from."""
        self.watchdog.alive(f"flight record of step {error.step}")
        self._exit_if_preempted(int(self.checkpoints.step.numpy()))  # Back to the saved step.
        step = self.recovery.recover(error)
        self._resume_logs(step)
        return step

    def validate(self, step: int) -> dict[str, Any]:
        """Restore whole validation pairs, write scalars and pictures, and return the summary."""
        self.watchdog.alive(f"validation after step {step}")
        weights = self.model.generator.weights
        values = self.average.read(weights) if self.average else [w.numpy() for w in weights]
        summary = self.validation.score(values, self._exit_between_images)
        if step != int(self.checkpoints.validated_step.numpy()):
            self.validation.write(step, summary)
        self.watchdog.alive(f"step {step + 1}")
        return summary

    def _exit_between_images(self) -> None:
        if self.workers.any(self.stop.came):
            raise Interrupted(int(self.checkpoints.step.numpy()))
