"""Compute a batch in parts, one after another, where it does not fit into memory at once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf


class Part(NamedTuple):
    """Which micro-batch is being computed: number `place`, int32 scalar, of `parts`."""

    place: tf.Tensor | int
    parts: int


WHOLE = Part(0, 1)
_current = WHOLE


def current_part() -> Part:
    """Return the micro-batch for which operations are being traced; outside of any, `WHOLE`."""
    return _current


@contextmanager
def _part(part: Part) -> Iterator[None]:
    global _current
    before, _current = _current, part
    try:
        yield
    finally:
        _current = before


def mean_over_micro_batches(
    function: Callable[[Any], tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]],
    batch: Mapping[str, tf.Tensor],
    count: int,
) -> tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]:
    """Average what a function returns over `count` parts of a batch, computed one after another.

    Args:
      function: takes a part of the batch; returns tensors, some perhaps None, and scalars by name.
        Which are None must not depend on the part.
      batch: tensors by name, `[B, ...]`; `count` divides B.
      count: how many parts, of consecutive samples.

    Returns:
      The means, None where the function returns None.
    """
    if count == 1:
        return function(batch)
    size = tf.shape(next(iter(batch.values())))[0] // count

    def part_of(index: tf.Tensor | int) -> tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]:
        part = {}
        for name, value in batch.items():
            part[name] = value[index * size : (index + 1) * size]
            if value.shape[0] is not None:
                part[name].set_shape([value.shape[0] // count, *value.shape[1:]])
        with _part(Part(index, count)):
            return function(part)

    tensors, logs = part_of(0)
    present = [number for number, tensor in enumerate(tensors) if tensor is not None]

    def add_part(index: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        more, further = part_of(index)
        values = [*(more[number] for number in present), *further.values()]
        return index + 1, [total + value for total, value in zip(sums, values, strict=True)]

    sums = [*(tensors[number] for number in present), *logs.values()]
    _, sums = tf.while_loop(
        lambda index, _: index < count, add_part, (tf.constant(1), sums), parallel_iterations=1
    )
    means = [total / count for total in sums]
    averaged: list[tf.Tensor | None] = [None] * len(tensors)
    for number, mean in zip(present, means, strict=False):
        averaged[number] = mean
    return averaged, dict(zip(logs, means[len(present) :], strict=True))
