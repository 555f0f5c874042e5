"""Gaussian kernels: variances and directions."""

import numpy as np
import pytest

from tfdeblur.degradations import kernels


@pytest.mark.parametrize(("sigma", "across", "angle"), [(2.0, None, 0), (3.0, 1.0, 0), (3, 1, 90)])
def test_gaussian_has_its_variances(sigma, across, angle):
    psf = kernels.gaussian_psf(sigma, across, angle).astype(np.float64)
    offset = np.arange(len(psf)) - len(psf) // 2
    variances = [psf.sum(axis=axis) @ offset**2 for axis in (0, 1)]  # of x, of y
    expected = [sigma**2, (across or sigma) ** 2]
    np.testing.assert_allclose(variances, expected[::-1] if angle else expected, rtol=0.005)


def test_gaussian_turns_counter_clockwise():
    """At 45 degrees it points to the upper right."""
    psf = kernels.gaussian_psf(3.0, 1.0, 45.0)
    half = len(psf) // 2
    assert psf[half - 2, half + 2] > 2 * psf[half + 2, half + 2]
    np.testing.assert_allclose(psf, psf[::-1, ::-1], atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: kernels.gaussian_psf(0.0), "`sigma` must be positive .* Got: 0.0"),
        (lambda rng: kernels.gaussian_psf(1.0, -2.0), "`sigma_across` must be .* Got: -2.0"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
