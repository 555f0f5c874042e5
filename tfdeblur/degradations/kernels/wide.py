"""Wide kernels: the blur of arbitrary photographs, by motion and lens, small and large.

No paper draws them; the shares and ranges are ours. Each kernel's centroid lies within half a pixel
of its middle, so restored images are not displaced.
"""

from typing import Any

import numpy as np

from tfdeblur.degradations.kernels.gaussian import gaussian_psf, random_gaussian_psf
from tfdeblur.degradations.kernels.psf import combine_psfs, splat
from tfdeblur.degradations.kernels.spline import spline_psf
from tfdeblur.degradations.kernels.text import disc_psf
from tfdeblur.degradations.kernels.trajectory import ANXIETIES, EXPOSURES, trajectory

WIDE_SHARES = {  # Share of kernels by kind.
    "trajectory": 0.22,
    "spline": 0.20,
    "shake": 0.18,
    "composition": 0.20,
    "gaussian": 0.06,
    "anisotropic_gaussian": 0.07,
    "disc": 0.07,
}
WIDE_SIZES = tuple(range(5, 33, 2))  # Pixels; the larger extent of a motion.
_MOTIONS = ("trajectory", "spline", "shake")
_DISC_RADII = (0.5, 4.0)
_LENS_RADII = (0.6, 2.0)  # Of a disc after a motion.
_LENS_SIGMAS = (0.3, 1.2)
_LENGTH = 60.0  # Of a trajectory before it is scaled to its size.


def wide_psf(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw one kernel, of a kind chosen by `WIDE_SHARES`.

    - `trajectory`, `shake`: a path of Boracchi and Foi, exposed for a fraction from `EXPOSURES`, or
      a damped walk that may drift; centred on its centroid and scaled until the larger side of its
      bounding box covers a size from `WIDE_SIZES`.
    - `spline`: Chakrabarti's, in a square with a side from `WIDE_SIZES`.
    - `gaussian`, `anisotropic_gaussian`: as in those families; `disc`: radius U(0.5, 4) px.
    - `composition`: one of the motions, then a disc of radius U(0.6, 2) px or a Gaussian with sigma
      U(0.3, 1.2) px.

    Returns:
      The kernel, and the drawn `kind` and its parameters.
    """
    kind = str(rng.choice(list(WIDE_SHARES), p=list(WIDE_SHARES.values())))
    if kind == "disc":
        radius = float(rng.uniform(*_DISC_RADII))
        return disc_psf(radius), {"kind": kind, "disc_radius": radius}
    if kind in ("gaussian", "anisotropic_gaussian"):
        psf, sigmas = random_gaussian_psf(rng, isotropic=kind == "gaussian")
        return psf, {"kind": kind, **sigmas}
    motion = kind if kind in _MOTIONS else str(rng.choice(_MOTIONS))
    size = int(rng.choice(WIDE_SIZES))
    psf = spline_psf(rng, size)[0] if motion == "spline" else _path_psf(rng, motion, size)
    drawn: dict[str, Any] = {"kind": kind, "motion": motion, "size": float(size)}
    if kind == "composition":
        if rng.random() < 0.5:
            drawn["disc_radius"] = float(rng.uniform(*_LENS_RADII))
            lens = disc_psf(drawn["disc_radius"])
        else:
            drawn["sigma"] = float(rng.uniform(*_LENS_SIGMAS))
            lens = gaussian_psf(drawn["sigma"])
        psf = combine_psfs(psf, lens)
    return psf, drawn


def filling_psf(points: np.ndarray, size: int) -> np.ndarray:
    """Splat a path, centred on its centroid and scaled to fill a size.

    Args:
      points: `[N, 2]`, equally exposed positions, not all equal.
      size: pixels that the larger side of their bounding box covers, at least 2; the first and last
        pixels' centres are size - 1 apart.

    Returns:
      A kernel with its centroid in the middle; a lopsided path makes its side larger than `size`.

    Raises:
      ValueError: `size` is too small, or the path is a single point.
    """
    extent = float(np.ptp(points, axis=0).max())
    if size < 2 or not extent > 0:
        raise ValueError(
            "`size` must be at least 2 and `points` spread out. "
            f"Got: {size} and an extent of {extent}."
        )
    points = (points - points.mean(axis=0)) * ((size - 1) / extent)
    half = int(np.ceil(np.abs(points).max()))
    return splat(points, 2 * half + 1)


def _path_psf(rng: np.random.Generator, motion: str, size: int) -> np.ndarray:
    if motion == "shake":
        return filling_psf(_walk(rng), size)
    points = trajectory(rng, _LENGTH, float(rng.choice(ANXIETIES)))
    exposed = float(rng.choice(EXPOSURES)) * rng.uniform(0.5, 1.0)
    return filling_psf(points[: int(np.ceil(exposed * len(points)))], size)


def _walk(rng: np.random.Generator) -> np.ndarray:
    """Draw a hand's walk: damped velocity, random acceleration and, half the time, a drift."""
    steps = int(rng.integers(200, 800))
    damping = rng.uniform(0.9, 0.998)
    drift = rng.standard_normal(2) * rng.uniform(0, 2) * (rng.random() < 0.5)
    acceleration = rng.standard_normal((steps, 2)) * np.sqrt(1 - damping**2)
    acceleration[0] /= np.sqrt(1 - damping**2)  # The walk's stationary spread.
    velocity = np.empty((steps, 2))
    current = np.zeros(2)
    for step, change in enumerate(acceleration):
        current = damping * current + change
        velocity[step] = current + drift
    return np.cumsum(velocity, axis=0)
