"""Boracchi and Foi's trajectories: laws, and sizes against their own code's."""

import numpy as np
import pytest

from tfdeblur.degradations import kernels


def centroid(psf):
    grid = np.arange(len(psf)) - len(psf) // 2
    return (psf.sum(axis=1) * grid).sum(), (psf.sum(axis=0) * grid).sum()


def arc_length(points):
    return np.hypot(*np.diff(points, axis=0).T).sum()


@pytest.mark.parametrize("anxiety", [0.0, 0.005, 0.3])
def test_trajectory_is_exactly_as_long_as_asked(anxiety):
    for seed in range(5):
        points = kernels.trajectory(np.random.default_rng(seed), 60.0, anxiety, samples=500)
        assert points.shape == (500, 2)
        np.testing.assert_array_equal(points[0], 0)
        assert arc_length(points) == pytest.approx(60, rel=1e-12)
        steps = np.hypot(*np.diff(points, axis=0).T)
        np.testing.assert_allclose(steps, 60 / 499, rtol=1e-9)


def test_trajectory_without_anxiety_is_straight():
    """From start to end it is as far as along the path."""
    for seed in range(10):
        points = kernels.trajectory(np.random.default_rng(seed), 64.0, 0.0)
        assert np.hypot(*(points[-1] - points[0])) == pytest.approx(64, rel=1e-12)
    calm, nervous = (kernels.trajectory(np.random.default_rng(0), 64.0, a) for a in (0.0, 0.01))
    assert np.hypot(*nervous[-1]) < 0.7 * np.hypot(*calm[-1])


@pytest.mark.parametrize(
    ("anxiety", "expected"),
    [
        (0.0, (48, 59, 64)),
        (0.001, (24, 33, 59)),
        (0.003, (16, 24, 37)),
        (0.005, (11, 17, 35)),
        (0.01, (7, 13, 21)),
        (0.05, (4, 5, 13)),
    ],
)
def test_trajectories_are_as_large_as_those_of_the_authors_code(anxiety, expected):
    """Larger side of the bounding box in px, 5th, 50th and 95th percentile, for a length of 64.

    The references came from samples of their own: medians to 10 % and a pixel, tails to 20 % and
    two pixels.
    """
    sides = [
        np.ptp(kernels.trajectory(np.random.default_rng(seed), 64.0, anxiety), axis=0).max()
        for seed in range(120)
    ]
    low, middle, high = np.percentile(sides, [5, 50, 95])
    assert middle == pytest.approx(expected[1], abs=0.1 * expected[1] + 1)
    assert low == pytest.approx(expected[0], abs=0.2 * expected[0] + 2)
    assert high == pytest.approx(expected[2], abs=0.2 * expected[2] + 2)


@pytest.mark.parametrize("size", [3, 13, 27])
def test_trajectory_kernels_fill_their_size_and_no_more(size):
    """Their path is at most size - 2 px wide; bilinear weights add one on each end."""
    for seed in range(40):
        psf, drawn = kernels.trajectory_psf(np.random.default_rng(seed), size)
        assert psf.shape == (size, size)
        assert drawn["size"] == size
        assert drawn["anxiety"] in kernels.ANXIETIES
        assert drawn["exposure"] in kernels.EXPOSURES
        assert np.abs(centroid(psf)).max() < 1e-3
        assert np.ptp(np.nonzero(psf), axis=1).max() <= size - 2 + 1
    sizes = {kernels.trajectory_psf(np.random.default_rng(s))[1]["size"] for s in range(60)}
    assert sizes == set(kernels.TRAJECTORY_SIZES) == {13, 15, 17, 19, 21, 23, 25, 27}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: kernels.trajectory(rng, 0, 0.1), "`length` must be positive .* Got: 0"),
        (lambda rng: kernels.trajectory(rng, 9, -1), "`anxiety` must be at least 0 .* Got: -1"),
        (lambda rng: kernels.trajectory(rng, 9, 0, 1), "`samples` must be at least 2. Got: 1"),
        (lambda rng: kernels.trajectory_psf(rng, 8), "`size` must be odd .* Got: 8"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
