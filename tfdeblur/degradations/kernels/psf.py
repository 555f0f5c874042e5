"""Functions shared by all families of kernels: splat, combine, centre, check and blur."""

import cv2
import numpy as np

SUM_TOLERANCE = 1e-6  # Of a kernel's sum; float32 rounding of the weights is far smaller.


def splat(points: np.ndarray, size: int) -> np.ndarray:
    """Distribute points bilinearly over a grid.

    Args:
      points: `[N, 2]` positions (x, y) in pixels relative to the centre of the grid; points outside
        are refused.
      size: odd side of the grid in pixels.

    Returns:
      float32 `[size, size]`; every point adds 1 / N, so that it sums to 1.

    Raises:
      ValueError: `size` is even or a point lies outside.
    """
    if size % 2 == 0:
        raise ValueError(f"`size` must be odd. Got: {size}.")
    position = points + size // 2
    if position.min() < 0 or position.max() > size - 1:
        raise ValueError(f"`points` must lie within +-{size // 2} px. Got: {np.abs(points).max()}.")
    corner = np.minimum(position.astype(np.int64), size - 2)
    right, below = (position - corner).T
    left, above = 1 - right, 1 - below
    shares = [left * above, right * above, left * below, right * below]
    first = corner[:, 1] * size + corner[:, 0]
    pixels = [first, first + 1, first + size, first + size + 1]
    psf = np.bincount(np.concatenate(pixels), np.concatenate(shares), minlength=size * size)
    return (psf / len(points)).reshape(size, size).astype(np.float32)


def combine_psfs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Convolve two kernels, `[h1 + h2 - 1, w1 + w2 - 1]`: one blur after the other."""
    top, left = second.shape[0] - 1, second.shape[1] - 1
    padded = cv2.copyMakeBorder(first, top, top, left, left, cv2.BORDER_CONSTANT)
    combined = cv2.filter2D(padded, -1, second[::-1, ::-1], borderType=cv2.BORDER_CONSTANT)
    rows = slice(top // 2, padded.shape[0] - top // 2)
    columns = slice(left // 2, padded.shape[1] - left // 2)
    combined = combined[rows, columns]
    combined = np.maximum(combined, 0)
    return (combined / combined.sum()).astype(np.float32)


def centre_psf(weights: np.ndarray) -> np.ndarray:
    """Zero-pad a kernel so that its centroid is the middle pixel, and normalise it.

    Args:
      weights: `[h, w]`, non-negative, not all zero; sides of any parity.

    Returns:
      float32, square, of the smallest odd side that puts the pixel nearest to the centroid in the
      middle; sums to 1.

    Raises:
      ValueError: `weights` does not meet these conditions.
    """
    fits = weights.ndim == 2 and weights.size > 0 and np.isfinite(weights).all()
    if not fits or weights.min() < 0:
        raise ValueError(
            f"`weights` must be [h, w], finite and non-negative. Got: {_summary(weights)}."
        )
    weights = weights.astype(np.float64)
    total = weights.sum()
    if total == 0:
        raise ValueError("`weights` must not all be zero. Got: a sum of 0.")
    middle = []
    for axis, length in enumerate(weights.shape):
        mean = float(weights.sum(axis=1 - axis) @ np.arange(length)) / total
        middle.append(int(np.floor(round(mean, 9) + 0.5)))  # Ties must not depend on the last bit.
    half = max(max(at, length - 1 - at) for at, length in zip(middle, weights.shape, strict=True))
    psf = np.zeros((2 * half + 1, 2 * half + 1))
    top, left = half - middle[0], half - middle[1]
    psf[top : top + weights.shape[0], left : left + weights.shape[1]] = weights
    return (psf / total).astype(np.float32)


def check_psf(psf: np.ndarray) -> None:
    """Check that an array is a kernel.

    Raises:
      ValueError: it is not float32, square with an odd side, finite and non-negative, or its sum
        is not 1 to within 1e-6. The message is a predicate to append to the kernel's name.
    """
    if psf.dtype != np.float32 or psf.ndim != 2:
        raise ValueError(f"must be [S, S] float32. Got: {psf.shape} {psf.dtype}.")
    if psf.shape[0] != psf.shape[1] or psf.shape[0] % 2 == 0:
        raise ValueError(f"must be square with an odd side. Got: {psf.shape}.")
    if not np.isfinite(psf).all():
        raise ValueError(f"must be finite. Got: {_summary(psf)}.")
    if psf.min() < 0:
        raise ValueError(f"must be non-negative. Got: {psf.min():.3g} at least.")
    total = float(psf.sum(dtype=np.float64))
    if abs(total - 1) > SUM_TOLERANCE:
        raise ValueError(f"must sum to 1. Got: {total:.6g}.")


def _summary(array: np.ndarray) -> str:
    """Summarise the content of a numeric array."""
    if array.size == 0:
        return f"{array.shape}, empty"
    strange = int(array.size - np.isfinite(array).sum())
    values = f"{strange} inf or NaN" if strange else f"values from {array.min():.3g}"
    return f"{array.shape}, {values}"


def blur(image: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Convolve an image with a kernel wherever the kernel fits ("valid").

    Args:
      image: float32 `[H, W]` or `[H, W, C]`.
      psf: float32 `[h, w]` with odd sides.

    Returns:
      float32 `[H - h + 1, W - w + 1(, C)]`.

    Raises:
      ValueError: the kernel has an even side or is larger than the image.
    """
    height, width = psf.shape
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"`psf` must have odd sides. Got: {psf.shape}.")
    if image.shape[0] < height or image.shape[1] < width:
        raise ValueError(f"`image` must be at least as large as {psf.shape}. Got: {image.shape}.")
    # filter2D correlates; convolution flips the kernel.
    blurred = cv2.filter2D(image, cv2.CV_32F, psf[::-1, ::-1], borderType=cv2.BORDER_REPLICATE)
    blurred = blurred.reshape(image.shape)  # filter2D drops a last axis of length 1.
    top, left = height // 2, width // 2
    return blurred[top : image.shape[0] - top, left : image.shape[1] - left]
