"""Run or resume one experiment in a folder.

The folder holds config.json, environment.json, checkpoints/ and logs/ (TensorBoard). Running the
same experiment there again goes on from the latest checkpoint.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from tfdeblur.data.pairs import ImagePair
from tfdeblur.data.pipeline import make_batches, make_validation
from tfdeblur.evaluation.evaluate import make_baseline, score_pairs, summarise
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.images import files
from tfdeblur.images.tensors import to_float, to_uint8
from tfdeblur.models.base import RestorationModel
from tfdeblur.training import callbacks
from tfdeblur.training.checkpoints import Checkpoints
from tfdeblur.training.digest import weights_sha256
from tfdeblur.training.experiment import CONFIG_FILE, ExperimentConfig, load_config, save_config
from tfdeblur.training.initialise import initialise
from tfdeblur.training.optimizer import start_schedule
from tfdeblur.training.runtime import configure, make_strategy

ENVIRONMENT_FILE = "environment.json"
PICTURES = 4  # Before/after pictures of each validation in TensorBoard.


def train(config: ExperimentConfig, workdir: str | Path) -> dict[str, Any]:
    """Train until `config.train.steps`, going on from the latest checkpoint if there is one.

    Args:
      config: the experiment. On resuming it must equal the saved one, but for `train.steps`, which
        may change unless a cosine schedule depends on them.
      workdir: the run's folder; made if it is missing.

    Returns:
      `step`, `seconds` of this call, the last validation's summary as `validation`, and
      `weights_sha256` (see `digest.weights_sha256`).

    Raises:
      Interrupted: SIGTERM came; the checkpoint of the last finished step is written.
      ValueError: a field is out of its range, or differs from the run that `workdir` holds.
      callbacks.NonFiniteError: a term of the objective is not finite.
    """
    config.validate()
    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    _claim(config, workdir)
    strategy = make_strategy(config.runtime)
    environment = configure(config.runtime, config.seed)
    environment["replicas"] = strategy.num_replicas_in_sync
    files.write_json(workdir / ENVIRONMENT_FILE, environment)
    with strategy.scope():
        model = build_model(config)
        checkpoints = Checkpoints(workdir / "checkpoints", model)
        step = checkpoints.restore()
        if step == 0 and config.train.init_from:
            initialise(model, config.train.init_from)
    return _Run(config, workdir, model, checkpoints).go_on(step)


def build_model(config: ExperimentConfig) -> RestorationModel:
    """Build and compile the model of an experiment, with random weights."""
    return compile_model(config.model.build(), config)


def compile_model(model: RestorationModel, config: ExperimentConfig) -> RestorationModel:
    """Give a model the optimizers of an experiment, and return it."""
    optimizer, steps = config.optimizer, config.train.steps
    model.compile(
        optimizer.build(steps),
        {name: optimizer.build_for_discriminator(steps) for name in model.discriminators},
    )
    return model


def make_restore(generator: tf.keras.Model, channels: int = 3):
    """Return the generator as a function uint8 `[H, W, 3]` -> uint8 `[scale * H, scale * W, 3]`.

    Args:
      generator: of `channels` channels.
      channels: 3; or 1, for images of three equal channels: one of them is restored, for all.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def restore_batch(images):
        restored = to_uint8(generator(to_float(images[..., :channels]), training=False))
        return tf.repeat(restored, 3 // channels, axis=-1)

    return lambda image: restore_batch(image[None]).numpy()[0]


def _to_rgb(image: np.ndarray) -> np.ndarray:
    """Show grey as three equal channels: what is measured on them is measured on the grey."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _claim(config: ExperimentConfig, workdir: Path) -> None:
    """Save the configuration, or check it against the run that is there already.

    A start that failed before its first checkpoint is no run: its configuration is replaced.
    """
    path = workdir / CONFIG_FILE
    if path.exists() and any((workdir / "checkpoints").glob("*/*.index")):
        saved = load_config(path)
        differing = _differing_fields(dataclasses.asdict(saved), dataclasses.asdict(config))
        if config.optimizer.schedule != "cosine":
            differing.pop("train.steps", None)
        if differing:
            listed = "; ".join(f"{k}: {a!r} there, {b!r} now" for k, (a, b) in differing.items())
            raise ValueError(
                f"`workdir` {workdir} holds another run, and in one only `train.steps` may change, "
                f"without a cosine schedule. Got: {listed}."
            )
    save_config(config, path)


def _differing_fields(first: dict, second: dict, prefix: str = "") -> dict[str, tuple]:
    differing: dict[str, tuple] = {}
    for key in sorted(first.keys() | second.keys()):
        mine, theirs = first.get(key), second.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            differing |= _differing_fields(mine, theirs, f"{prefix}{key}.")
        elif mine != theirs:
            differing[f"{prefix}{key}"] = (mine, theirs)
    return differing


class Interrupted(Exception):
    """SIGTERM has ended the run between two steps; its latest checkpoint is of `step`."""

    def __init__(self, step: int):
        super().__init__(f"Interrupted after step {step}, which is saved.")
        self.step = step


class _Run:
    """The segments of one run: `fit` between validations and the starts of phases."""

    def __init__(
        self,
        config: ExperimentConfig,
        workdir: Path,
        model: RestorationModel,
        checkpoints: Checkpoints,
    ):
        self.config = config
        self.model = model
        self.checkpoints = checkpoints
        self.scale = config.model.scale
        self.writers = {
            split: callbacks.summary_writer(workdir, split) for split in ("train", "validation")
        }
        pairs = make_validation(
            config.data, config.data.validation_split, config.train.validation_count, config.seed
        )
        self.pairs = [ImagePair(id_, *map(_to_rgb, images)) for id_, *images in pairs]

    def go_on(self, step: int) -> dict[str, Any]:
        """Train from `step` to the end; see `train`."""
        plan = self.config.train
        started = time.perf_counter()
        self._enter_phase(step if step < plan.steps else step - 1)
        if step >= plan.steps:
            logging.info("Nothing to train: %d of %d steps are done.", step, plan.steps)
            return self._result(step, started, self.validate(step))
        bar = callbacks.Progress(step, plan.steps, plan.batch_size, plan.log_every)
        while step < plan.steps:
            validation = (step // plan.validate_every + 1) * plan.validate_every
            later = [start for start in self.model.phase_starts if start > step]
            end = min(plan.steps, validation, *later)
            reached = self._fit(step, end, bar)
            if reached < end:
                self.checkpoints.save(reached)
                bar.close()
                raise Interrupted(reached)
            step = end
            if step in (validation, plan.steps):
                summary = self.validate(step)
                psnr = summary["restored"]["psnr"]
                best = self.checkpoints.save_if_best(step, psnr)
                logging.info("Step %d: %.3f dB%s.", step, psnr, ", the best so far" if best else "")
            self.checkpoints.save(step)
            if step in later and step < plan.steps:
                self._enter_phase(step)
        bar.close()
        return self._result(step, started, summary)

    def _enter_phase(self, step: int) -> None:
        """Enter the phase of `step`, at its start or, when a run goes on, in its middle."""
        model = self.model
        phase = model.phase_at(step)
        model.enter_phase(phase)
        starts = [
            s for p, s in enumerate(model.phase_starts[: phase + 1]) if model.resets_optimizers(p)
        ]
        if step in starts:
            model.reset_optimizers()
        for optimizer in (model.generator_optimizer, *model.discriminator_optimizers.values()):
            start_schedule(optimizer, max(starts, default=0))
        model.make_train_function(force=True)
        self.restore = make_restore(model.generator, self.config.model.channels)
        logging.info("Phase %d from step %d.", phase, step)

    def _result(self, step: int, started: float, summary: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": step,
            "seconds": time.perf_counter() - started,
            "validation": summary,
            "weights_sha256": weights_sha256(self.model),
        }

    def _fit(self, step: int, end: int, bar: callbacks.Progress) -> int:
        """Train from one step to another; return the step that was reached."""
        plan = self.config.train
        batches = make_batches(
            self.config.data,
            split=self.config.data.train_split,
            batch_size=plan.batch_size * self.config.model.discriminator_updates,
            seed=self.config.seed,
            start_step=step,
            steps=end - step,
            sub_batches=self.config.model.discriminator_updates,
            replicas=self.model.distribute_strategy.num_replicas_in_sync,
        )
        signals = callbacks.StopOnSignal(step)
        self.model.fit(
            batches,
            epochs=1,
            steps_per_epoch=end - step,
            verbose=0,
            callbacks=[
                callbacks.StopOnNonFinite(step),
                bar,
                callbacks.ScalarLog(self.writers["train"], step, plan.log_every),
                callbacks.PeriodicCheckpoint(self.checkpoints, step, plan.checkpoint_every),
                signals,
            ],
        )
        return signals.step

    def validate(self, step: int) -> dict[str, Any]:
        """Restore whole validation pairs, write scalars and pictures, return the summary."""
        protocol = make_protocol("rgb", self.scale)
        scores = score_pairs(self.restore, self.pairs, self.scale, protocol)
        summary = summarise(scores, self.scale, protocol)
        with self.writers["validation"].as_default(step):
            for system in ("baseline", "restored"):
                for name in ("psnr", "ssim"):
                    tag = f"val_{name}" if system == "restored" else f"val_{name}_{system}"
                    tf.summary.scalar(tag, summary[system][name])
            pictures = [self._before_after(pair) for pair in self.pairs[:PICTURES]]
            for index, picture in enumerate(pictures):
                tf.summary.image(f"before_after_truth/{index}", picture[None])
        self.writers["validation"].flush()
        return summary

    def _before_after(self, pair: ImagePair) -> np.ndarray:
        before = make_baseline(pair.degraded, self.scale)
        return np.concatenate([before, self.restore(pair.degraded), pair.target], axis=1)
