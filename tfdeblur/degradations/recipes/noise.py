"""White Gaussian noise for 8-bit images, and what SCGAN's two kinds of data do after the blur."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from tfdeblur.images.resize import downscale, round_levels

NOISE_STAGES = ("hr", "lr")
_QUANTILES = 1 << 16


def add_noise(image: np.ndarray, rng: np.random.Generator, std: float) -> np.ndarray:
    """Add white Gaussian noise.

    A value is one of the 65,536 middles of equally likely parts of the normal distribution, none
    beyond 4.33 standard deviations: four times as fast as numpy's normal draws, and after rounding
    to 8 bits there is no telling them apart.

    Args:
      image: any shape, on the scale of 8 bits.
      rng: source of every draw; with `std` 0, none.
      std: in levels of 255, at least 0.

    Returns:
      float32 of the image's shape, neither rounded nor clipped.
    """
    if std == 0:
        return np.asarray(image, np.float32)
    noise = np.take(_quantiles(), rng.integers(0, _QUANTILES, image.shape, np.uint16))
    noise *= np.float32(std)
    noise += image
    return noise


@lru_cache(maxsize=1)
def _quantiles() -> np.ndarray:
    normal = NormalDist()
    upper = [normal.inv_cdf(0.5 + (i + 0.5) / _QUANTILES) for i in range(_QUANTILES // 2)]
    return np.array([-value for value in reversed(upper)] + upper, np.float32)


def reduce_noisily(
    blurred: np.ndarray, rng: np.random.Generator, noise_std: float, noise_stage: str, scale: int
) -> np.ndarray:
    """Add noise before the reduction or after it, each time to 8 bits (SCGAN).

    Paper: noise is added "to the blurred patches"; before or after their reduction is not said.

    Args:
      blurred: float32 `[H, W, C]` in [0, 255].
      rng: source of the noise.
      noise_std: on the [0, 1] scale.
      noise_stage: `hr` (before) or `lr`.
      scale: divides H and W.

    Returns:
      uint8 `[H / scale, W / scale, C]`, MATLAB bicubic.
    """
    std = 255 * noise_std
    if noise_stage == "hr":
        return round_levels(downscale(round_levels(add_noise(blurred, rng, std)), scale))
    return round_levels(add_noise(downscale(round_levels(blurred), scale), rng, std))


def check_noise(noise_max: float, noise_stage: str) -> None:
    """Raise ValueError for a field of SCGAN's noise that is out of its range."""
    if not 0 <= noise_max <= 1:
        raise ValueError(f"`noise_max` must lie in [0, 1]. Got: {noise_max}.")
    if noise_stage not in NOISE_STAGES:
        raise ValueError(f"`noise_stage` must be 'hr' or 'lr'. Got: {noise_stage!r}.")
