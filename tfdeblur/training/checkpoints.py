"""Checkpoints of a training run: the latest, to resume from, and the best, to export.

A checkpoint holds every network (weights shared by two are stored once) and optimizer slot, the
averaged weights if there are any, the finished steps now and at the last validation, the best
score and its step. TensorFlow writes the files under temporary names and renames them. A new
checkpoint is read back before it is listed; only then is an older one removed. By hand, as
`tf.train.CheckpointManager` neither reads back nor falls back to an older checkpoint.
"""

import contextlib
import re
import shutil
from pathlib import Path

import tensorflow as tf
from absl import logging

from tfdeblur.images import files
from tfdeblur.models.base import RestorationModel
from tfdeblur.training.averaging import AveragedWeights

KEPT = {"latest": 2, "best": 1}  # How many to keep of each kind.
AVERAGE = "average"
_DAMAGED = (tf.errors.OpError, AssertionError, IndexError, ValueError)


class CheckpointError(OSError):
    """A checkpoint cannot be written; the message says where, why, and which ones exist."""


class Checkpoints:
    """Saves and restores a compiled model under `folder`/latest and `folder`/best.

    Attributes:
      step: finished steps of the model.
      validated_step: finished steps at the last validation.
      best_score: score of the best validation; -inf before the first.
      best_step: finished steps at the best validation.
    """

    def __init__(
        self,
        folder: Path,
        model: RestorationModel,
        average: AveragedWeights | None = None,
        written_to: Path | None = None,
    ):
        """Attach to a model; call this in the scope of its strategy.

        Args:
          folder: where checkpoints are kept.
          model: compiled.
          average: of the model's weights.
          written_to: where this process writes instead, if another process owns `folder`.
        """
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.validated_step = tf.Variable(0, dtype=tf.int64, name="validated_step")
        self.best_score = tf.Variable(-float("inf"), dtype=tf.float64, name="best_score")
        self.best_step = tf.Variable(0, dtype=tf.int64, name="best_step")
        self._read_from = folder / "latest"
        self._checkpoint = tf.train.Checkpoint(
            generator=model.generator,
            network=model.network,
            discriminators=model.discriminators,
            generator_optimizer=model.generator_optimizer,
            discriminator_optimizers=model.discriminator_optimizers,
            step=self.step,
            validated_step=self.validated_step,
            best_score=self.best_score,
            best_step=self.best_step,
            **({AVERAGE: average.averages} if average else {}),
        )
        self._folders = {kind: (written_to or folder) / kind for kind in KEPT}
        self._damaged: set[str] = set()

    def restore(self) -> int:
        """Restore the newest readable checkpoint, if there is any; return the finished steps.

        A damaged checkpoint is reported, and the one before it is used.

        Raises:
          ValueError: checkpoints exist, but none can be read.
        """
        paths = _listed(self._read_from)
        for path in reversed(paths):
            try:
                self._checkpoint.read(path).assert_consumed()
            except _DAMAGED as error:
                logging.warning("%s is damaged and skipped: %s", path, _first_line(error))
                self._damaged.add(path)
            else:
                logging.info("Resuming from %s.", path)
                return int(self.step.numpy())
        if paths:
            raise ValueError(f"None of these checkpoints can be read: {paths}.")
        return 0

    def save(self, step: int) -> None:
        """Save after `step` finished steps.

        Raises:
          CheckpointError: it cannot be written or read back.
        """
        self._write("latest", step)

    def save_if_best(self, step: int, score: float) -> bool:
        """Note a validation; save as the best if `score` (higher is better) beats all before."""
        self.validated_step.assign(step)
        if score <= float(self.best_score.numpy()):
            return False
        self.best_score.assign(score)
        self.best_step.assign(step)
        self._write("best", step)
        return True

    def _write(self, kind: str, step: int) -> None:
        self.step.assign(step)
        folder = self._folders[kind]
        path = str(folder / f"step-{step}")
        good = [other for other in _listed(folder) if other not in self._damaged]
        before = [other for other in good if other != path]
        try:
            self._checkpoint.write(path)  # If this fails, a checkpoint of the same step stays.
            good = before
            written = tf.train.load_checkpoint(path)
            for name in written.get_variable_to_shape_map():
                written.get_tensor(name)  # Its blocks carry checksums.
            good = [*before, path][-KEPT[kind] :]
            _list(folder, good)
            _keep(folder, good)
            self._damaged.discard(path)
        except (tf.errors.OpError, OSError) as error:
            with contextlib.suppress(OSError):  # Leftover files do no harm.
                _keep(folder, good)
            raise CheckpointError(
                f"{folder}: the checkpoint of step {step} must be written and read back. "
                f"Got: {_first_line(error)}. The last good one: "
                f"{good[-1] if good else 'none yet'}."
            ) from error


def _list(folder: Path, paths: list[str]) -> None:
    """Write the file `checkpoint`, for `tf.train.latest_checkpoint` and other readers."""
    names = [Path(path).name for path in paths]
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    files.write_text(folder / "checkpoint", "\n".join(lines) + "\n")


def _keep(folder: Path, paths: list[str]) -> None:
    """Remove other checkpoints and the remains of interrupted writes."""
    names = {Path(path).name for path in paths}
    for file in folder.glob("step-*"):
        if file.name.split(".")[0] in names:
            continue
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink()


def _listed(folder: Path) -> list[str]:
    """Return the paths of a folder's checkpoints, sorted by step."""
    paths = [path.with_suffix("") for path in folder.glob("step-*.index")]
    return [str(path) for path in sorted(paths, key=lambda path: int(path.name[5:]))]


def restore_networks(
    folder: Path, which: str, model: RestorationModel, missing_ok: bool = False
) -> tuple[int, float]:
    """Restore a model's networks, without optimizers, from a run's checkpoints.

    If the run averaged its weights, the network gets the averages.

    Args:
      folder: the run's checkpoint folder.
      which: `latest` or `best`.
      model: built; need not be compiled.
      missing_ok: whether discriminators and weights outside the generator that the run did not
        train may keep their values; each is logged.

    Returns:
      The finished steps and the best score (-inf before the first validation).

    Raises:
      ValueError: `which` is unknown.
      ValueError: the checkpoint is damaged or belongs to other networks.
      FileNotFoundError: there is no such checkpoint.
    """
    if which not in KEPT:
        raise ValueError(f"`which` must be one of {tuple(KEPT)}. Got: {which!r}.")
    paths = _listed(folder / which)
    if not paths:
        raise FileNotFoundError(f"{folder / which} must hold a checkpoint. Got: none.")
    path = paths[-1]
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
    # A variable is stored under the first of its names: these are the ones the generator lacks.
    if missing_ok and model.training_only_weights() and ["network"] not in [p[:1] for p in names]:
        network = model.generator
        logging.warning("%s starts from random weights: %s has none.", model.network.name, path)
    step = tf.Variable(0, dtype=tf.int64)
    best_score = tf.Variable(0.0, dtype=tf.float64)
    averaged = any(parts[0] == AVERAGE for parts in names)
    average = AveragedWeights(network, decay=0.0) if averaged else None
    checkpoint = tf.train.Checkpoint(
        generator=model.generator,
        network=network,
        discriminators=discriminators,
        step=step,
        best_score=best_score,
        **({AVERAGE: average.averages} if average else {}),
    )
    checkpoint.read(path).assert_existing_objects_matched().expect_partial()
    if average:
        network.set_weights(average.read(network.weights))
    return int(step), float(best_score)


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).splitlines()), type(error).__name__)
    return re.sub(r"\{\{\S+ \S+\}\} ?| \[Op:\w+\]", "", line)
