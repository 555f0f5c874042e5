"""PSNR and SSIM of 8-bit images, in numpy and OpenCV (no TensorFlow).

A score means nothing without its protocol: colours, cropped border and bit depth. Here images are
uint8, the border is cropped first, then the colours are converted, and the arithmetic is float64.
`tfdeblur.evaluation.protocols` names the usual combinations.

The window and the filtering of SSIM come from OpenCV, so that the light install can score images;
the result equals `tf.image.ssim`, and scikit-image with `gaussian_weights=True, sigma=1.5,
use_sample_covariance=False` (scikit-image's own defaults give other numbers).
"""

import math

import cv2
import numpy as np

from tfdeblur.images.resize import luma

COLOURS = ("rgb", "y")
SSIM_WINDOW = 11  # px
SSIM_SIGMA = 1.5  # px
SSIM_K = (0.01, 0.03)
PEAK = 255.0
PSNR_CAP = 100.0  # dB


def psnr(
    restored: np.ndarray, target: np.ndarray, *, colour: str = "rgb", crop_border: int = 0
) -> float:
    """Return the peak signal-to-noise ratio 10 log10(255^2 / MSE) in dB.

    The mean runs over all pixels and channels. By hand: an error of 51 levels (a fifth of the
    peak) in every pixel has MSE = 2601 and 10 log10(65025 / 2601) = 10 log10(25) = 13.9794 dB; in a
    quarter of the pixels, 6.0206 dB more: exactly 20 dB.

    Args:
      restored: `[H, W, 3] uint8` RGB.
      target: `[H, W, 3] uint8` RGB, the truth.
      colour: "rgb" compares the three channels; "y" MATLAB's studio-range luma, unrounded, which
        for grey images scores 20 log10(255 / 219) = 1.32 dB more.
      crop_border: pixels cropped from each side first.

    Returns:
      The ratio in dB; infinity for identical images. Means and reports cap it: see `cap_psnr`.

    Raises:
      ValueError: the images differ in size, are not `[H, W, 3] uint8`, or vanish in the crop.
    """
    restored, target = _prepare(restored, target, colour, crop_border)
    mean_squared_error = float(np.mean((restored - target) ** 2))
    if mean_squared_error == 0.0:
        return math.inf
    return 10.0 * math.log10(PEAK**2 / mean_squared_error)


def cap_psnr(value: float) -> float:
    """Return `value`, at most 100: identical images must not swamp a mean or break JSON."""
    return min(value, PSNR_CAP)


def ssim(
    restored: np.ndarray, target: np.ndarray, *, colour: str = "rgb", crop_border: int = 0
) -> float:
    """Return the structural similarity (Wang et al., IEEE TIP 2004, eq. 13).

    Gaussian window of 11x11 px with sigma 1.5, K = (0.01, 0.03), L = 255, population covariance,
    only windows that lie inside the image, mean over positions and channels. By hand: black against
    white has mean 0 and 255, no variance, hence C1 / (255^2 + C1) = 1e-4 / (1 + 1e-4).

    Args:
      restored: `[H, W, 3] uint8` RGB.
      target: `[H, W, 3] uint8` RGB, the truth.
      colour: "rgb" or "y", as in `psnr`.
      crop_border: pixels cropped from each side first.

    Returns:
      A similarity in [-1, 1]; 1 for identical images.

    Raises:
      ValueError: as `psnr`, or fewer than 11 px remain in height or width.
    """
    restored, target = _prepare(restored, target, colour, crop_border)
    height, width = target.shape[:2]
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW} px after cropping "
            f"`crop_border` = {crop_border}. Got: {height}x{width}."
        )
    c1, c2 = (SSIM_K[0] * PEAK) ** 2, (SSIM_K[1] * PEAK) ** 2
    mean_r, mean_t = _local_mean(restored), _local_mean(target)
    variance_r = _local_mean(restored**2) - mean_r**2
    variance_t = _local_mean(target**2) - mean_t**2
    covariance = _local_mean(restored * target) - mean_r * mean_t
    luminance = (2 * mean_r * mean_t + c1) / (mean_r**2 + mean_t**2 + c1)
    structure = (2 * covariance + c2) / (variance_r + variance_t + c2)
    return float(np.mean(luminance * structure))


def _local_mean(image: np.ndarray) -> np.ndarray:
    """Filter float64 `[H, W(, C)]` with the Gaussian window, windows inside the image only."""
    window = cv2.getGaussianKernel(SSIM_WINDOW, SSIM_SIGMA)
    inset = SSIM_WINDOW // 2
    filtered = cv2.sepFilter2D(image, cv2.CV_64F, window, window)
    return filtered[inset:-inset, inset:-inset]


def _prepare(
    restored: np.ndarray, target: np.ndarray, colour: str, crop_border: int
) -> tuple[np.ndarray, np.ndarray]:
    """Check both images, crop, convert the colours; float64 `[H, W, 3]` or `[H, W]`."""
    if colour not in COLOURS:
        raise ValueError(f"`colour` must be one of {COLOURS}. Got: {colour!r}.")
    for name, image in (("restored", restored), ("target", target)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"`{name}` must be [H, W, 3] uint8. Got: {image.shape} {image.dtype}.")
    if restored.shape != target.shape:
        raise ValueError(
            f"`restored` and `target` must have one size. Got: {restored.shape} and {target.shape}."
        )
    height, width = target.shape[:2]
    if crop_border < 0 or min(height, width) <= 2 * crop_border:
        raise ValueError(
            f"`crop_border` must be at least 0 and leave something of {height}x{width}. "
            f"Got: {crop_border}."
        )
    inside = np.s_[crop_border : height - crop_border, crop_border : width - crop_border]
    if colour == "y":
        return luma(restored[inside]), luma(target[inside])
    return restored[inside].astype(np.float64), target[inside].astype(np.float64)
