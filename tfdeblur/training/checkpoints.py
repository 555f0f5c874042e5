"""Checkpoints of a training run: the latest, to go on from, and the best, to export.

A checkpoint holds every network (weights that two of them share stand there once) and optimizer
slot, the number of finished steps and the best score. TensorFlow writes its files under temporary
names and renames them; the newest complete one counts.
"""

from pathlib import Path

import tensorflow as tf
from absl import logging

from tfdeblur.models.base import RestorationModel

KINDS = ("latest", "best")
_DAMAGED = (tf.errors.OpError, AssertionError, IndexError, ValueError)


class CheckpointError(OSError):
    """A checkpoint that cannot be written; the message says where, why, and what there is."""


class Checkpoints:
    """Saves and restores a compiled model under `folder`/latest and `folder`/best."""

    def __init__(self, folder: Path, model: RestorationModel):
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.best_score = tf.Variable(-float("inf"), dtype=tf.float64, name="best_score")
        checkpoint = tf.train.Checkpoint(
            generator=model.generator,
            network=model.network,
            discriminators=model.discriminators,
            generator_optimizer=model.generator_optimizer,
            discriminator_optimizers=model.discriminator_optimizers,
            step=self.step,
            best_score=self.best_score,
        )
        self._managers = {
            kind: tf.train.CheckpointManager(
                checkpoint, str(folder / kind), max_to_keep=keep, checkpoint_name="step"
            )
            for kind, keep in zip(KINDS, (2, 1), strict=True)
        }

    def restore(self) -> int:
        """Restore the newest readable checkpoint, if there is any; return the finished steps.

        A damaged one is reported and the one before it is taken.

        Raises:
          ValueError: there are checkpoints, and none can be read.
        """
        manager = self._managers["latest"]
        for path in reversed(manager.checkpoints):
            try:
                manager.checkpoint.restore(path).assert_consumed()
            except _DAMAGED as error:
                logging.warning("%s is damaged and left aside: %s", path, _first_line(error))
            else:
                logging.info("Going on from %s.", path)
                return int(self.step)
        if manager.checkpoints:
            raise ValueError(f"None of these checkpoints can be read: {manager.checkpoints}.")
        return 0

    def save(self, step: int) -> None:
        """Save after `step` finished steps.

        Raises:
          CheckpointError: it cannot be written, or not be read back.
        """
        self._write("latest", step)

    def save_if_best(self, step: int, score: float) -> bool:
        """Save as the best if `score` (higher is better) beats every earlier one."""
        if score <= float(self.best_score):
            return False
        self.best_score.assign(score)
        self._write("best", step)
        return True

    def _write(self, kind: str, step: int) -> None:
        """Write a checkpoint and read it back: its blocks carry checksums."""
        self.step.assign(step)
        manager = self._managers[kind]
        before = manager.latest_checkpoint or "none yet"
        try:
            written = tf.train.load_checkpoint(manager.save(checkpoint_number=step))
            for name in written.get_variable_to_shape_map():
                written.get_tensor(name)
        except (tf.errors.OpError, OSError) as error:
            raise CheckpointError(
                f"{manager.directory}: the checkpoint of step {step} must be written and read "
                f"back. Got: {_first_line(error)}. The last good one: {before}."
            ) from error


def restore_networks(
    folder: Path, which: str, model: RestorationModel, missing_ok: bool = False
) -> tuple[int, float]:
    """Restore a model's networks, without optimizers, from a run's checkpoints.

    Args:
      folder: the run's checkpoint folder.
      which: `latest` or `best`.
      model: built; need not be compiled.
      missing_ok: whether discriminators, and the network's weights beside the generator's, that
        the run did not train may keep their values; each is logged.

    Returns:
      The finished steps and the best score (-inf before the first validation).

    Raises:
      ValueError: `which` is unknown.
      ValueError: or the checkpoint is damaged, or of other networks.
      FileNotFoundError: there is no such checkpoint.
    """
    if which not in KINDS:
        raise ValueError(f"`which` must be one of {KINDS}. Got: {which!r}.")
    path = tf.train.latest_checkpoint(str(folder / which))
    if path is None:
        raise FileNotFoundError(f"{folder / which} must hold a checkpoint. Got: none.")
    try:
        return _restore_from(path, model, missing_ok)
    except _DAMAGED as error:
        raise ValueError(
            f"{path} must be a whole checkpoint of {model.generator.name}. "
            f"Got: {_first_line(error)}"
        ) from error


def _restore_from(path: str, model: RestorationModel, missing_ok: bool) -> tuple[int, float]:
    names = [name.split("/") for name, _ in tf.train.list_variables(path)]
    saved = {parts[1] for parts in names if parts[0] == "discriminators"}
    discriminators = {}
    for name, discriminator in model.discriminators.items():
        if name in saved or not missing_ok:
            discriminators[name] = discriminator
        else:
            logging.warning("%s starts from random weights: %s has none.", name, path)
    network = model.network
    # A variable stands under the first of its names: here are those that the generator lacks.
    if missing_ok and model.training_only_weights() and ["network"] not in [p[:1] for p in names]:
        network = model.generator
        logging.warning("%s starts from random weights: %s has none.", model.network.name, path)
    step = tf.Variable(0, dtype=tf.int64)
    best_score = tf.Variable(0.0, dtype=tf.float64)
    checkpoint = tf.train.Checkpoint(
        generator=model.generator,
        network=network,
        discriminators=discriminators,
        step=step,
        best_score=best_score,
    )
    checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
    return int(step), float(best_score)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
