"""Gaussian kernels, isotropic and anisotropic: the usual stand-in for an unknown lens.

No paper draws them; the ranges are ours.
"""

import numpy as np

GAUSSIAN_SIGMAS = (0.5, 4.0)  # Pixels.
_REACH = 4.0  # Standard deviations; the truncated tail weighs 1e-4.


def gaussian_psf(sigma: float, sigma_across: float | None = None, angle: float = 0.0) -> np.ndarray:
    """Sample a Gaussian at the pixels' centres: exp(-(a^2 / s^2 + b^2 / t^2) / 2), normalised.

    Args:
      sigma: standard deviation s in pixels along the axis a, > 0.
      sigma_across: standard deviation t in pixels across it, > 0; by default `sigma`.
      angle: direction of a in degrees, counter-clockwise from the horizontal in the viewed image.

    Returns:
      float32 of side `2 * ceil(4 * the larger sigma) + 1`.

    Raises:
      ValueError: a standard deviation is not positive.
    """
    across = sigma if sigma_across is None else sigma_across
    for name, value in (("sigma", sigma), ("sigma_across", across)):
        if not 0 < value < np.inf:
            raise ValueError(f"`{name}` must be positive and finite. Got: {value}.")
    half = int(np.ceil(_REACH * max(sigma, across)))
    offset = np.arange(-half, half + 1)
    x, y = offset[None, :], -offset[:, None]  # y upwards
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along, off = x * cosine + y * sine, y * cosine - x * sine
    weights = np.exp(-((along / sigma) ** 2 + (off / across) ** 2) / 2)
    return (weights / weights.sum()).astype(np.float32)


def random_gaussian_psf(
    rng: np.random.Generator, *, isotropic: bool = True
) -> tuple[np.ndarray, dict[str, float]]:
    """Draw a Gaussian kernel: sigma ~ U(0.5, 4) px, one for each axis unless isotropic.

    An anisotropic kernel also has an angle ~ U(0, 180) degrees.

    Returns:
      The kernel, of odd side at most 33 px, and the drawn parameters (`sigma`; also `sigma_across`
      and `angle` if anisotropic).
    """
    drawn = {"sigma": float(rng.uniform(*GAUSSIAN_SIGMAS))}
    if not isotropic:
        drawn["sigma_across"] = float(rng.uniform(*GAUSSIAN_SIGMAS))
        drawn["angle"] = float(rng.uniform(0.0, 180.0))
    return gaussian_psf(**drawn), drawn
