"""Read encoded examples from the files of prepared data in shuffled order.

An epoch is a function of its seed. It can start at any record: earlier ones are not decoded, nor,
except for part of one group of files, read.
"""

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from tfdeblur.data.augmentation import fold_seed

FILES_AT_ONCE = 16


class FilePart(Protocol):
    """Consecutive records of a TFRecord file; TensorFlow Datasets' `FileInstruction` is one.

    Attributes:
      filename: path of the file.
      skip: number of records before them.
      take: number of records.
    """

    filename: str
    skip: int
    take: int


class ShuffledRecords:
    """Encoded examples, in a new order each epoch.

    The files are put into a random order and split into groups of `FILES_AT_ONCE`, which follow one
    another. Within a group, records are taken from the files in turn, one from each, and chunks of
    `shuffle_buffer` of them are shuffled.

    Attributes:
      count: number of records.
    """

    def __init__(self, parts: Sequence[FilePart], shuffle_buffer: int):
        self._paths = [str(part.filename) for part in parts]
        self._skips = [part.skip for part in parts]
        self._takes = [part.take for part in parts]
        self._buffer = shuffle_buffer
        self.count = sum(self._takes)

    def chunks(self, seed: tf.Tensor, first: tf.Tensor, end: tf.Tensor) -> tf.data.Dataset:
        """Read part of an epoch.

        Args:
          seed: `[2]`, of the epoch.
          first: int64, number of the first record in the epoch's order.
          end: int64, number after the last one.

        Returns:
          String tensors of any length: the records in the epoch's order, chunk by chunk.
        """
        order = _permutation(len(self._paths), fold_seed(seed, 0))
        group_of = tf.range(len(self._paths)) // FILES_AT_ONCE
        takes = tf.constant(self._takes, tf.int64)
        ends = tf.cumsum(tf.math.segment_sum(tf.gather(takes, order), group_of))
        starts = tf.concat([[tf.constant(0, tf.int64)], ends[:-1]], axis=0)

        def read_group(group: tf.Tensor) -> tf.data.Dataset:
            files = order[group * FILES_AT_ONCE : (group + 1) * FILES_AT_ONCE]
            records = tf.data.Dataset.from_tensor_slices(files).interleave(
                self._read,
                cycle_length=FILES_AT_ONCE,
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
            passed = tf.maximum(first - starts[group], 0) // self._buffer
            chunks = records.skip(passed * self._buffer).batch(self._buffer).enumerate(passed)
            return chunks.map(lambda number, chunk: shuffle(group, number, chunk))

        def shuffle(group: tf.Tensor, number: tf.Tensor, chunk: tf.Tensor) -> tf.Tensor:
            start = starts[group] + number * self._buffer
            chunk_seed = fold_seed(fold_seed(seed, group + 1), number)
            inside = _permutation(tf.size(chunk), chunk_seed)
            return tf.gather(
                chunk, inside[tf.maximum(first - start, 0) : tf.maximum(end - start, 0)]
            )

        first_group = tf.math.count_nonzero(ends <= first)
        groups = tf.data.Dataset.range(first_group, tf.size(ends, tf.int64))
        return groups.flat_map(read_group)

    def _read(self, file: tf.Tensor) -> tf.data.Dataset:
        path, skip, take = (
            tf.gather(values, file)
            for values in (
                tf.constant(self._paths),
                tf.constant(self._skips, tf.int64),
                tf.constant(self._takes, tf.int64),
            )
        )
        return tf.data.TFRecordDataset(path).skip(skip).take(take)


def _permutation(count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(tf.range(count), seed, alg="philox")
