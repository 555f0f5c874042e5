"""Compute a batch in sequential parts when it does not fit into memory at once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import tensorflow as tf


class Part(NamedTuple):
    """The current micro-batch: number `place`, int32 scalar, of `parts`."""

    place: tf.Tensor | int
    parts: int


WHOLE = Part(0, 1)
_current = ContextVar("part", default=WHOLE)  # Each replica is traced in its own thread, in turn.


def current_part() -> Part:
    """Return the micro-batch that is being traced; outside of any, `WHOLE`."""
    return _current.get()


def micro_batches(batch: Mapping[str, tf.Tensor], count: int) -> Iterator[dict[str, tf.Tensor]]:
    """Yield `count` parts of a batch, in order; inside the loop each is the `current_part`."""
    for place in range(count):
        with _as_current(Part(place, count)):
            yield _cut(batch, place, count)


@contextmanager
def _as_current(part: Part) -> Iterator[None]:
    token = _current.set(part)
    try:
        yield
    finally:
        _current.reset(token)


def _cut(
    batch: Mapping[str, tf.Tensor], place: tf.Tensor | int, count: int
) -> dict[str, tf.Tensor]:
    part = {}
    for name, value in batch.items():
        size = tf.shape(value)[0] // count
        part[name] = value[place * size : (place + 1) * size]
        if value.shape[0] is not None:
            part[name].set_shape([value.shape[0] // count, *value.shape[1:]])
    return part


def mean_over_micro_batches(
    function: Callable[[Any], tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]],
    batch: Mapping[str, tf.Tensor],
    count: int,
) -> tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]:
    """Average a function's results over `count` parts of a batch, computed one after another.

    Args:
      function: takes a part of the batch; returns tensors, some perhaps None, and scalars by name.
        Which ones are None must not depend on the part.
      batch: tensors by name, `[B, ...]`; `count` divides B.
      count: number of parts, each of consecutive samples.

    Returns:
      The means, None where the function returns None.
    """
    if count == 1:
        return function(batch)

    def on_part(place: tf.Tensor | int) -> tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]:
        with _as_current(Part(place, count)):
            return function(_cut(batch, place, count))

    tensors, logs = on_part(0)
    present = [number for number, tensor in enumerate(tensors) if tensor is not None]
    sums = [*(tensors[number] for number in present), *logs.values()]

    def add_part(place: tf.Tensor | int, sums: list[tf.Tensor]) -> list[tf.Tensor]:
        more, further = on_part(place)
        values = [*(more[number] for number in present), *further.values()]
        return [total + value for total, value in zip(sums, values, strict=True)]

    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        # A graph loop may not contain cross-replica operations such as synchronised norms.
        for place in range(1, count):
            with tf.control_dependencies(sums):  # Sequential, to save memory.
                sums = add_part(place, sums)
    else:
        _, sums = tf.while_loop(
            lambda place, _: place < count,
            lambda place, sums: (place + 1, add_part(place, sums)),
            (tf.constant(1), sums),
            parallel_iterations=1,
        )
    means = [total / count for total in sums]
    averaged: list[tf.Tensor | None] = [None] * len(tensors)
    for number, mean in zip(present, means, strict=False):
        averaged[number] = mean
    return averaged, dict(zip(logs, means[len(present) :], strict=True))
