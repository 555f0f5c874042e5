"""The part of a stream of pairs that a process makes."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Stream(NamedTuple):
    """An endless stream of pairs in batches, and the part that this process makes.

    Attributes:
      split: a TFDS split or slice; for a recipe, `train`, `validation` or `test`.
      batch_size: pairs in a batch, over all processes.
      seed: of every draw.
      start_step: number of the first batch.
      mine: int64, increasing; the pairs of each batch that this process makes.
      ids: whether pairs have their name as `id`.
    """

    split: str
    batch_size: int
    seed: int
    start_step: int
    mine: np.ndarray
    ids: bool = False

    def wanted(self, position: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        """Tell whether this process makes the pair at a position, counted from batch 0."""
        mine = np.isin(np.arange(self.batch_size), self.mine)
        return tf.constant(mine)[position % self.batch_size]
