"""The batches a run sees: a function of the experiment and of the batches that were redrawn."""

import functools
import json
from collections import Counter
from pathlib import Path

import tensorflow as tf

from tfdeblur.data.pipeline import make_batches
from tfdeblur.images import files
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.workers import Workers

REDRAWN_FILE = "redrawn.json"
_ANOTHER_SEED = 1_000_003  # Between the seeds of a batch and of its replacement.


def make_training_batches(
    config: ExperimentConfig,
    *,
    seed: int,
    start_step: int = 0,
    steps: int | None = None,
    replicas: int = 1,
    worker: int = 0,
    workers: int = 1,
    ids: bool = False,
) -> tf.data.Dataset:
    """Make the inputs of an experiment's steps: each holds the batches of all its updates.

    Args:
      config: the experiment.
      seed: of every draw; a run uses `config.seed`.
      start_step, steps, replicas, worker, workers, ids: as in `data.pipeline.make_batches`.
    """
    updates = config.model.discriminator_updates
    return make_batches(
        config.data,
        split=config.data.train_split,
        batch_size=config.train.batch_size * updates,
        seed=seed,
        start_step=start_step,
        steps=steps,
        sub_batches=updates * config.train.micro_batches,
        replicas=replicas,
        worker=worker,
        workers=workers,
        ids=ids,
    )


class BatchStream:
    """The batches of a run, by step; each worker makes its part of them.

    A batch that made a step fail may be redrawn from another seed. The run's folder records which
    were redrawn, so a resumed run sees the same batches.

    Attributes:
      redrawn: how often each batch was redrawn, by the number of finished steps before it.
    """

    def __init__(self, config: ExperimentConfig, workers: Workers, workdir: Path):
        """Read from the run's folder which batches were redrawn."""
        self._config, self._workers = config, workers
        self._size = config.train.batch_size * config.model.discriminator_updates
        path = workdir / REDRAWN_FILE
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self.redrawn = Counter({int(step): times for step, times in known.items()})

    def redraw(self, step: int, folder: Path) -> None:
        """Redraw the batch that follows `step` finished steps, and record that in `folder`."""
        self.redrawn[step] += 1
        known = {str(step): times for step, times in sorted(self.redrawn.items())}
        files.write_json(folder / REDRAWN_FILE, known)

    def between(self, step: int, end: int) -> tf.data.Dataset:
        """Return this worker's parts of the batches from `step` to `end`, for `fit`."""
        share = self._size // self._workers.strategy.num_replicas_in_sync
        return self._workers.distribute(functools.partial(self._parts, step, end), share)

    def whole(self, step: int) -> dict:
        """Return all workers' batch after `step` finished steps, with `id`, as arrays."""
        return next(iter(self._parts(step, step + 1, 0, 1, ids=True).as_numpy_iterator()))

    def _parts(
        self, step: int, end: int, worker: int, workers: int, ids: bool = False
    ) -> tf.data.Dataset:
        cuts = {at for batch in self.redrawn for at in (batch, batch + 1) if step < at < end}
        edges = [step, *sorted(cuts), end]
        parts = [
            make_training_batches(
                self._config,
                seed=self._config.seed + _ANOTHER_SEED * self.redrawn[first],
                start_step=first,
                steps=last - first,
                replicas=self._workers.strategy.num_replicas_in_sync,
                worker=worker,
                workers=workers,
                ids=ids,
            )
            for first, last in zip(edges, edges[1:], strict=False)
        ]
        return functools.reduce(tf.data.Dataset.concatenate, parts)
