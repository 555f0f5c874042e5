"""Chakrabarti's splines: laws, and sizes against the paper's code's."""

import numpy as np
import pytest

from tfdeblur.degradations import kernels


def centroid(psf):
    grid = np.arange(len(psf)) - len(psf) // 2
    return (psf.sum(axis=1) * grid).sum(), (psf.sum(axis=0) * grid).sum()


def test_spline_goes_through_its_points_smoothly():
    """26 samples: five a unit, so that each fifth is one of the values."""
    values = np.random.default_rng(0).integers(1, 25, (6, 2))
    np.testing.assert_allclose(kernels.cubic_spline(values, 26)[::5], values, atol=1e-12)
    fine = kernels.cubic_spline(values, 50_001)
    curvature = np.diff(fine, 2, axis=0) * 10_000**2
    assert np.abs(np.diff(curvature, axis=0)).max() < 0.1  # No jump of the second derivative.


def test_spline_reproduces_a_cubic():
    """Not-a-knot conditions keep a cubic as it is; natural ones would not."""
    parameter = np.linspace(0, 5, 101)
    cubic = np.polynomial.Polynomial([3.0, -2.0, 0.5, 0.25])
    spline = kernels.cubic_spline(cubic(np.arange(6)), 101)
    np.testing.assert_allclose(spline, cubic(parameter), atol=1e-12)


@pytest.mark.parametrize(
    ("extent", "sides", "count"),
    [(8, (6, 8, 8), 23), (16, (11, 15, 16), 53), (24, (16, 22, 24), 85)],
)
def test_spline_kernels_are_as_large_as_those_of_the_papers_code(extent, sides, count):
    """Larger side of the support, 5th, 50th and 95th percentile, to a pixel; median number of
    pixels to 10 %; centroid at most half a pixel off the centre."""
    found_sides, counts = [], []
    for seed in range(120):
        psf, drawn = kernels.spline_psf(np.random.default_rng(seed), extent)
        assert psf.shape == (41, 41)
        assert drawn == {"extent": extent}
        assert np.abs(centroid(psf)).max() <= 0.5 + 1e-5
        support = np.nonzero(psf)
        found_sides.append(np.ptp(support, axis=1).max() + 1)
        counts.append(len(support[0]))
    np.testing.assert_allclose(np.percentile(found_sides, [5, 50, 95]), sides, atol=1)
    assert np.median(counts) == pytest.approx(count, rel=0.1)


def test_spline_kernels_of_one_pixel_are_the_identity():
    psf, _ = kernels.spline_psf(np.random.default_rng(0), 1)
    assert psf[20, 20] == psf.sum() == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: kernels.spline_psf(rng, 42), r"`extent` must lie in 1..41. Got: 42"),
        (lambda rng: kernels.spline_psf(rng, 0), r"`extent` must lie in 1..41. Got: 0"),
        (lambda rng: kernels.cubic_spline(np.zeros(3), 9), "`values` must be at least 4"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
