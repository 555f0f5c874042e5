"""A batch computed in parts gives what it gives at once."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.layers.micro_batches import WHOLE, current_part, mean_over_micro_batches
from tfdeblur.layers.randomness import draw

VALUES = tf.constant([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def _run(count, function, values=VALUES):
    run = tf.function(lambda: mean_over_micro_batches(function, {"values": values}, count))
    return run()


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_means_of_equal_parts_are_the_mean(count):
    """Of v: 3.5; of v^2: 91 / 6."""

    def function(batch):
        values = batch["values"]
        assert values.shape == (6 // count,)
        return [tf.reduce_mean(values), None], {"square": tf.reduce_mean(values**2)}

    (mean, nothing), logs = _run(count, function)
    assert float(mean) == 3.5 and nothing is None
    assert float(logs["square"]) == pytest.approx(91 / 6)


def test_parts_follow_one_another():
    """Each is a run of consecutive samples, and knows which it is."""
    seen = []

    def function(batch):
        part = current_part()
        note = tf.py_function(
            lambda values, place: seen.append((int(place), values.numpy().tolist())),
            [batch["values"], part.place],
            [],
        )
        with tf.control_dependencies([note]):
            return [tf.constant(float(part.parts))], {}

    (parts,), _ = _run(3, function)
    assert float(parts) == 3.0
    assert seen == [(0, [1.0, 2.0]), (1, [3.0, 4.0]), (2, [5.0, 6.0])]
    assert current_part() is WHOLE


def test_draws_are_those_of_the_whole_batch():
    """Weighted sums of samples, so that a draw at another place would show."""

    def function(batch):
        drawn = draw(tf.random.stateless_uniform, tf.shape(batch["values"]), 3, tf.constant(7))
        return [tf.reduce_mean(drawn * batch["values"])], {}

    (whole,), _ = _run(1, function)
    for count in (2, 3):
        (parts,), _ = _run(count, function)
        np.testing.assert_allclose(parts, whole, rtol=1e-6)
