"""The processes of one training: which one this is, and what all must agree on.

Each worker runs the same program on its part of every batch. Worker 0, the chief, owns the run's
folder; the others read it. TensorFlow makes every worker write; the others write to folders of
their own, which are deleted.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

VARIABLE = "TF_CONFIG"


def workers_of_environment() -> int:
    """Return how many workers TF_CONFIG lists; 0 without it.

    Raises:
      ValueError: TF_CONFIG is not a list of workers.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return 0
    try:
        cluster = json.loads(text)["cluster"]
        return len(cluster.get("chief", [])) + len(cluster["worker"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{VARIABLE} must be JSON with `cluster`, which lists the addresses of each `worker`, "
            f"and `task`. Got: {text!r}."
        ) from error


@dataclass(frozen=True)
class Workers:
    """All workers of a strategy, and which one this process is."""

    strategy: tf.distribute.Strategy
    index: int = 0
    count: int = 1

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy) -> "Workers":
        """Return a strategy's workers; for a single-process strategy, this process alone."""
        resolver = strategy.cluster_resolver
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or resolver is None:
            return cls(strategy)
        cluster = resolver.cluster_spec().as_dict()
        chiefs = len(cluster.get("chief", []))
        index = resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)
        return cls(strategy, index, chiefs + len(cluster.get("worker", [])))

    @property
    def is_chief(self) -> bool:
        """Whether this process owns the run's folder."""
        return self.index == 0

    def total(self, value: int) -> int:
        """Return the sum of the workers' values. Every worker must call it, in the same order."""
        if self.count == 1:
            return value
        local = self.strategy.num_replicas_in_sync // self.count
        return int(self._summed(tf.constant(value, tf.int64))) // local

    def any(self, value: bool) -> bool:
        """Return whether any worker's value is true. Every worker must call it."""
        return self.total(int(value)) > 0

    def from_chief(self, value: float) -> float:
        """Return the chief's value. Every worker must call it, in the same order."""
        if self.count == 1:
            return value
        local = self.strategy.num_replicas_in_sync // self.count
        own = value if self.is_chief else 0.0
        return float(self._summed(tf.constant(own, tf.float64))) / local

    @tf.function(autograph=False)
    def _summed(self, value: tf.Tensor) -> tf.Tensor:
        on_replicas = self.strategy.run(lambda: tf.identity(value))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, on_replicas, axis=None)

    def check_equal(
        self, name: str, value: int, why: str, show: Callable[[int], object] = int
    ) -> None:
        """Raise ValueError on every worker unless all have the chief's value.

        Args:
          name: of the value.
          value: this worker's.
          why: the rest of the rule, for the error message.
          show: formats a value for the error message.
        """
        chief = int(self.from_chief(value))
        if self.any(value != chief):
            raise ValueError(
                f"Every worker must have the same {name}: {why}. "
                f"Got: {show(value)} here, {show(chief)} at the chief."
            )

    def gather(self, function, share) -> dict[str, np.ndarray]:
        """Run a function on the replicas' shares of a batch; join the results, by replica.

        Args:
          function: takes a replica's share; returns tensors `[b, ...]` by name.
          share: of this worker's replicas, as `distribute` yields it.
        """
        found = self.strategy.run(tf.function(function, autograph=False), args=(share,))
        return {name: self.strategy.gather(value, axis=0).numpy() for name, value in found.items()}

    def distribute(self, make, share: int) -> tf.data.Dataset:
        """Return this worker's part of a data set of global batches, for `fit` and `run`.

        Args:
          make: takes (worker, workers); returns that worker's part of every batch: its replicas'
            shares, one after another.
          share: samples per replica in a batch.
        """
        if self.strategy.num_replicas_in_sync == 1:
            return make(0, 1)
        return self.strategy.distribute_datasets_from_function(
            lambda context: make(context.input_pipeline_id, context.num_input_pipelines).rebatch(
                share
            )
        )
