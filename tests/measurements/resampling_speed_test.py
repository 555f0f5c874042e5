"""Table 3's study: both forms do the same work, and every setting is measured."""

import math

import numpy as np
import pytest
import resampling_speed
import tensorflow as tf
from resampling_speed import SpeedOptions, make_forms, measure_resampling_speed


@pytest.mark.parametrize("kernel_size, stride", [(3, 2), (5, 3)])
def test_both_forms_give_the_same(kernel_size, stride):
    forms = make_forms(kernel_size, stride, filters=2)
    assert sorted(forms) == ["space_to_depth", "strided"]
    assert forms["strided"].count_params() == forms["space_to_depth"].count_params()
    images = np.random.default_rng(0).uniform(size=(2, 3 * stride, 4 * stride, 1))
    resampled, strided = (forms[form](images).numpy() for form in ("space_to_depth", "strided"))
    assert strided.shape == (2, 3, 4, 2) and np.abs(strided).max() > 0.1
    np.testing.assert_allclose(strided, resampled, atol=2e-6)


def test_both_forms_have_the_same_gradients():
    """The passes that are timed: sums of the results, and of images' and weights' gradients."""
    images, upstream = tf.ones((1, 6, 6, 1)), tf.ones((1, 2, 2, 2))
    results = [
        [float(timed()) for timed in resampling_speed._passes(model, images, upstream)]
        for model in make_forms(3, 3, filters=2).values()
    ]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4)


def test_every_setting_is_measured():
    options = SpeedOptions((1, 3), (2, 3), (6, 12), filters=2, rounds=2)
    measured = measure_resampling_speed(options)
    settings = [(speed.kernel_size, speed.stride, speed.side) for speed in measured]
    assert settings == [(k, s, side) for k in (1, 3) for s in (2, 3) for side in (6, 12)]
    for speed in measured:
        times = [*speed.forward_seconds.values(), *speed.backward_seconds.values()]
        assert len(times) == 4
        assert all(0 < value < math.inf for value in (speed.forward, speed.backward, *times))


def test_ratio_is_the_median_of_the_rounds():
    """Ratios of the rounds: 2, 3 and 0.5."""
    times = {"space_to_depth": [1.0, 1.0, 4.0], "strided": [2.0, 3.0, 2.0]}
    assert resampling_speed._ratio(times) == 2.0


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"rounds": 0}, "`rounds` must be at least 1. Got: 0."),
        ({"filters": 0}, "`filters` must be at least 1. Got: 0."),
        ({"strides": ()}, "`strides` must hold positive numbers"),
        ({"sides": (0,)}, "`sides` must hold positive numbers"),
        ({"sides": (320,)}, "multiples of every stride. Got: 320 and a stride of 3."),
    ],
)
def test_bad_options_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        SpeedOptions(**fields)
