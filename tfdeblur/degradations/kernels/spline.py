"""Spline kernels: motion along a smooth curve through six random points.

After Chakrabarti, "A Neural Approach to Blind Motion Deblurring" (ECCV 2016), as its released code
draws them; the source of WRFN's 10,000 kernels.
"""

from functools import lru_cache

import numpy as np

from tfdeblur.degradations.kernels.psf import centre_psf

SPLINE_EXTENTS = (24, 16, 8)  # Pixels; the paper drew a third of its kernels with each.
SPLINE_PSF_SIZE = 41  # Pixels.
_POINTS = 6
_SAMPLES = _POINTS * 5000


def cubic_spline(values: np.ndarray, samples: int) -> np.ndarray:
    """Interpolate equispaced values with the not-a-knot cubic spline.

    The spline has two continuous derivatives; its third derivative is also continuous at the second
    and second-to-last values, so cubic polynomials are reproduced exactly.

    Args:
      values: `[N, ...]`, N >= 4, at the parameters 0, 1, ..., N - 1.
      samples: number of equispaced parameters from 0 to N - 1 to evaluate at, at least 2.

    Returns:
      float64 `[samples, ...]`.

    Raises:
      ValueError: there are fewer than 4 values or 2 samples.
    """
    if len(values) < 4 or samples < 2:
        raise ValueError(
            "`values` must be at least 4 and `samples` at least 2. "
            f"Got: {len(values)} and {samples}."
        )
    return np.tensordot(_basis(len(values), samples), values, axes=1)


@lru_cache(maxsize=4)
def _basis(count: int, samples: int) -> np.ndarray:
    """Return `[samples, count]`: the contribution of each value to each sample."""
    from scipy.interpolate import CubicSpline  # The light install has no scipy.

    basis = CubicSpline(np.arange(count), np.eye(count))(np.linspace(0, count - 1, samples))
    basis.setflags(write=False)  # Shared by all callers.
    return basis


def spline_psf(
    rng: np.random.Generator, extent: int | None = None
) -> tuple[np.ndarray, dict[str, float]]:
    """Draw one of Chakrabarti's kernels.

    A not-a-knot cubic spline through six points, their coordinates uniform over 1..extent, sampled
    30,000 times, clipped to 1..extent and rounded. Each visited pixel weighs max(0, 1 + N(0, 1) /
    2), however often the curve passes it. The pixel nearest to the centroid becomes the middle; a
    kernel that then does not fit into 41 px, or has no weight, is drawn again.

    Args:
      rng: source of every draw.
      extent: side in pixels of the square that holds the curve, 1 to 41; by default one of
        `SPLINE_EXTENTS`.

    Returns:
      The kernel, `[41, 41]`, and the drawn parameters (`extent`).

    Raises:
      ValueError: `extent` is out of range.
    """
    if extent is None:
        extent = int(rng.choice(SPLINE_EXTENTS))
    if not 1 <= extent <= SPLINE_PSF_SIZE:
        raise ValueError(f"`extent` must lie in 1..{SPLINE_PSF_SIZE}. Got: {extent}.")
    while True:
        points = rng.integers(1, extent + 1, (_POINTS, 2))
        curve = cubic_spline(points, _SAMPLES)
        np.clip(curve, 1, extent, out=curve)
        # The curve often meets .5 exactly; rounding must not depend on the last bit.
        np.round(curve, 9, out=curve)
        pixels = (curve + 0.5).astype(np.int64) - 1
        visited = np.zeros((extent, extent), bool)
        visited.ravel()[pixels[:, 0] + extent * pixels[:, 1]] = True
        weights = np.zeros((extent, extent))
        weights[visited] = np.maximum(0, 1 + 0.5 * rng.standard_normal(int(visited.sum())))
        if not weights.any():
            continue
        psf = centre_psf(weights)
        if len(psf) <= SPLINE_PSF_SIZE:
            break
    return np.pad(psf, (SPLINE_PSF_SIZE - len(psf)) // 2), {"extent": float(extent)}
