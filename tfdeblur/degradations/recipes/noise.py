"""White Gaussian noise for 8-bit images, and the steps after the blur in SCGAN's data."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from tfdeblur.images.resize import downscale, round_levels

NOISE_STAGES = ("hr", "lr")


def add_noise(image: np.ndarray, rng: np.random.Generator, std: float) -> np.ndarray:
    """Add white Gaussian noise.

    A draw is one of the 4,096 midpoints of equally likely parts of the normal distribution, none
    beyond 3.7 standard deviations. This is several times as fast as numpy's normal draws, and
    indistinguishable from them after rounding to 8 bits.

    Args:
      image: any shape, on the scale of 8 bits.
      rng: source of every draw; not used if `std` is 0.
      std: in levels of 255, at least 0.

    Returns:
      float32 of the image's shape, neither rounded nor clipped.
    """
    if std == 0:
        return np.asarray(image, np.float32)
    words = rng.integers(0, 1 << 64, -(-image.size // 4), np.uint64)  # Four draws per word.
    draws = words.astype("<u8").view("<u2")[: image.size].reshape(image.shape)
    noise = np.take(_normal_values(), draws >> 4)
    noise *= np.float32(std)
    noise += image
    return noise


@lru_cache(maxsize=1)
def _normal_values() -> np.ndarray:
    """Return 4,096 equally likely values, few enough for the processor's fastest cache."""
    normal = NormalDist()
    upper = np.array([normal.inv_cdf(0.5 + (i + 0.5) / 4096) for i in range(2048)])
    values = np.concatenate([-upper[::-1], upper])
    return (values / values.std()).astype(np.float32)


def reduce_noisily(
    blurred: np.ndarray, rng: np.random.Generator, noise_std: float, noise_stage: str, scale: int
) -> np.ndarray:
    """Add noise before or after the reduction, rounding to 8 bits each time (SCGAN).

    Paper: noise is added "to the blurred patches", without saying if before or after the reduction.

    Args:
      blurred: float32 `[H, W, C]` in [0, 255].
      rng: source of the noise.
      noise_std: on the [0, 1] scale.
      noise_stage: `hr` (before) or `lr`.
      scale: reduction factor; divides H and W.

    Returns:
      uint8 `[H / scale, W / scale, C]`, MATLAB bicubic.
    """
    std = 255 * noise_std
    if noise_stage == "hr":
        return round_levels(downscale(round_levels(add_noise(blurred, rng, std)), scale))
    return round_levels(add_noise(downscale(round_levels(blurred), scale), rng, std))


def check_noise(noise_max: float, noise_stage: str) -> None:
    """Raise ValueError if a field of SCGAN's noise is out of range."""
    if not 0 <= noise_max <= 1:
        raise ValueError(f"`noise_max` must lie in [0, 1]. Got: {noise_max}.")
    if noise_stage not in NOISE_STAGES:
        raise ValueError(f"`noise_stage` must be 'hr' or 'lr'. Got: {noise_stage!r}.")
