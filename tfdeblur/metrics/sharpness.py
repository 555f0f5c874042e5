"""Dark channel and dark channel ratio: how sharp an image looks compared with its truth.

Paper: Xu et al., "Learning to Super-Resolve Blurry Face and Text Images", ICCV 2017, eq. 12 prints
f_L(z) = sum 1(z < t_h); here: f_L(z) = sum 1(z >= t_h), because the paper calls f_L an
approximation of the l0 norm (which counts values that are *not* small) and says that smaller ratios
mean sharper results; its Table 5 agrees only with that (over-smoothed pixel loss 1.13, GAN 0.96).
The paper gives no patch size; here: 15 px, because the 35 px of the dark channel literature covers
more than half of a 64 px patch.
"""

import cv2
import numpy as np

PATCH = 15  # px
THRESHOLD = 0.1  # of the full range
EPSILON = 1e-8


def dark_channel(image: np.ndarray, patch: int = PATCH) -> np.ndarray:
    """Return the minimum over RGB and over a `patch` x `patch` window around each pixel.

    At the border the window is clipped to the image.

    Args:
      image: `[H, W, 3] uint8`.
      patch: odd side of the window in pixels.

    Returns:
      `[H, W] uint8`.

    Raises:
      ValueError: the shape or dtype is wrong, or `patch` is even or not positive.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"`image` must be [H, W, 3] uint8. Got: {image.shape} {image.dtype}.")
    if patch < 1 or patch % 2 == 0:
        raise ValueError(f"`patch` must be odd and at least 1. Got: {patch}.")
    # Erosion is a local minimum, which OpenCV's default border never changes.
    return np.asarray(cv2.erode(image.min(axis=2), np.ones((patch, patch), np.uint8)))


def dark_channel_count(
    image: np.ndarray, *, patch: int = PATCH, threshold: float = THRESHOLD
) -> int:
    """Count the pixels whose dark channel, on the [0, 1] scale, is at least `threshold`.

    By hand: a constant image of level 26 (26/255 = 0.102) counts all its pixels, of level 25
    (0.098) none.
    """
    return int(np.count_nonzero(dark_channel(image, patch) >= threshold * 255.0))


def dark_channel_ratio(
    restored: np.ndarray,
    target: np.ndarray,
    *,
    patch: int = PATCH,
    threshold: float = THRESHOLD,
) -> float:
    """Return DCR = f(dark(restored)) / (f(dark(target)) + 1e-8), Xu et al. 2017, eq. 12.

    1 means equally sparse dark channels; smaller is sharper, above 1 is smoother than the truth.
    Where f(dark(target)) = 0 the ratio says nothing (it is 0 or astronomically large): leave such
    images out of means.

    Args:
      restored: `[H, W, 3] uint8`.
      target: `[H, W, 3] uint8`, the truth.
      patch: side of the dark channel's window in pixels.
      threshold: t_h, on the [0, 1] scale.

    Raises:
      ValueError: the images differ in size; see also `dark_channel`.
    """
    if restored.shape != target.shape:
        raise ValueError(
            f"`restored` and `target` must have one size. Got: {restored.shape} and {target.shape}."
        )
    count = dark_channel_count(restored, patch=patch, threshold=threshold)
    return count / (dark_channel_count(target, patch=patch, threshold=threshold) + EPSILON)
