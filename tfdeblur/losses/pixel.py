"""Pixel losses. Each returns one value per sample, float32 `[B]`."""

import tensorflow as tf


def squared_error(target: tf.Tensor, restored: tf.Tensor, reduction: str = "mean") -> tf.Tensor:
    """Return ||restored - target||^2 per sample (SCGAN, eq. 3).

    A constant error of 0.1 gives 0.01 with `reduction="mean"`.

    Args:
      target: `[B, ...]`, any range; the loss is in its square.
      restored: same shape.
      reduction: `mean` over the elements of a sample, or `sum`, as the paper prints the norm.
    """
    return reduce_sample(tf.math.squared_difference(_float(restored), _float(target)), reduction)


def reduce_sample(values: tf.Tensor, reduction: str) -> tf.Tensor:
    """Reduce `[B, ...]` to `[B]` by `mean` or `sum` over all axes but the first."""
    reducers = {"mean": tf.reduce_mean, "sum": tf.reduce_sum}
    if reduction not in reducers:
        raise ValueError(f"`reduction` must be one of {sorted(reducers)}. Got: {reduction!r}.")
    return reducers[reduction](values, axis=list(range(1, values.shape.rank)))


def _float(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32)
