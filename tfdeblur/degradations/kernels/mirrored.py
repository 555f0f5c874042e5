"""Blur 8-bit images or windows of them: exact and, for the papers' kernels, fast."""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from tfdeblur.degradations.kernels.psf import blur

_UNITS = 1 << 16  # Per weight of 1; 255 * 2^16 < 2^24, so float32 holds every sum exactly.
_SUM_TOLERANCE = 1e-4  # A quarter of a level of 8 bits is 1e-3.
_TAPS_MAX = 512  # More than any of the papers' kernels; above it, a Fourier transform is faster.
_PART_AREA_MAX = 129  # Above it, cv2.filter2D uses a Fourier transform.


def blur_mirrored(
    image: np.ndarray, psf: np.ndarray, window: tuple[int, int, int, int] | None = None
) -> np.ndarray:
    """Convolve an image with a kernel, mirroring the image at its borders (…b a|a b c…).

    Only the pixels that the window sees and non-zero weights are processed. Weights are rounded to
    units of 2^-16, keeping their sum at 1. float32 then holds every sum exactly, so the result is
    bit-identical on every machine and for windows and whole images, and constant images stay
    constant. A kernel with more than 512 weights is used unrounded with a Fourier transform, which
    is exact to about 1e-4.

    Args:
      image: `[H, W]` or `[H, W, C]` uint8.
      psf: a kernel, see `check_psf`.
      window: top, left, height and width in pixels of the part to compute, within the image; by
        default the whole image.

    Returns:
      float32 `[height, width(, C)]` in [0, 255].

    Raises:
      ValueError: `image` is not uint8, `psf` is not square with an odd side, non-negative and of
        sum 1, or the window extends beyond the image.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"`image` must be [H, W(, C)] uint8. Got: {image.shape} {image.dtype}.")
    top, left, height, width = window or (0, 0, *image.shape[:2])
    bottom, right = top + height, left + width
    if min(top, left) < 0 or bottom > image.shape[0] or right > image.shape[1]:
        raise ValueError(f"`window` must lie in {image.shape[:2]}. Got: {window}.")
    kernel = _prepare(psf.tobytes(), psf.dtype.str, psf.shape)
    region = _surroundings(image, (top, left, height, width), kernel.sides).astype(np.float32)
    if kernel.dense is not None:
        return blur(region, kernel.dense)
    sums = []
    for row, column, part in kernel.parts:
        rows, columns = part.shape
        seen = region[row : row + height + rows - 1, column : column + width + columns - 1]
        filtered = cv2.filter2D(seen, -1, part, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
        sums.append(filtered.reshape(seen.shape)[:height, :width])
    return functools.reduce(np.add, sums) * np.float32(1 / _UNITS)


class _Prepared(NamedTuple):
    """A kernel prepared for blurring.

    Attributes:
      sides: height and width of its weights without the zeros around them, both odd.
      parts: (row, column, weights in units), to be correlated and summed.
      dense: the kernel itself, if there are too many parts or they are too wide.
    """

    sides: tuple[int, int]
    parts: list[tuple[int, int, np.ndarray]]
    dense: np.ndarray | None


@functools.lru_cache(maxsize=1024)  # Qi et al. use each of 800 kernels 400 times.
def _prepare(content: bytes, dtype: str, shape: tuple[int, ...]) -> _Prepared:
    psf = np.frombuffer(content, dtype).reshape(shape)
    weights = _flipped_units(psf)
    parts = _parts(weights)
    if np.count_nonzero(weights) > _TAPS_MAX or any(p.size > _PART_AREA_MAX for *_, p in parts):
        return _Prepared((len(psf), len(psf)), [], psf)
    return _Prepared((weights.shape[0], weights.shape[1]), parts, None)


def _flipped_units(psf: np.ndarray) -> np.ndarray:
    """Return a kernel's weights in units, rotated by 180 degrees, without zeros around them.

    Opposite sides are cropped equally, so the middle stays in place.
    """
    running = np.cumsum(psf, dtype=np.float64)
    square = psf.ndim == 2 and psf.shape[0] == psf.shape[1] and len(psf) % 2 == 1
    units = np.rint(running * (_UNITS / running[-1]))
    units[1:] -= units[:-1].copy()  # Rounding the running sum keeps the total, and 0 stays 0.
    if not square or not abs(running[-1] - 1) < _SUM_TOLERANCE or units.min() < 0:
        raise ValueError(
            "`psf` must be square with an odd side, non-negative and of sum 1. "
            f"Got: {psf.shape} with values from {psf.min():.3g} and a sum of {running[-1]:.6g}."
        )
    units = units.reshape(psf.shape)
    middle = len(psf) // 2
    rows, columns = (np.flatnonzero(units.any(axis=axis)) - middle for axis in (1, 0))
    reach_y, reach_x = max(-rows[0], rows[-1], 0), max(-columns[0], columns[-1], 0)
    used = units[middle - reach_y : middle + reach_y + 1, middle - reach_x : middle + reach_x + 1]
    return used[::-1, ::-1].astype(np.float32)


def _surroundings(
    image: np.ndarray, window: tuple[int, int, int, int], sides: tuple[int, int]
) -> np.ndarray:
    """Cut out a window and what a kernel of odd sides sees around it, mirrored where needed."""
    (above, rows, below), (before, columns, after) = (
        _reach(length, start, size, side // 2)
        for length, start, size, side in zip(
            image.shape[:2], window[:2], window[2:], sides, strict=True
        )
    )
    inside = image[rows, columns]
    # `inside` extends further inwards than the missing border, so it holds all mirrored pixels.
    region = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REFLECT)
    return region.reshape(*region.shape[:2], *image.shape[2:])


def _reach(length: int, start: int, size: int, more: int) -> tuple[int, slice, int]:
    """Widen a range by `more` on both sides; return the part inside and the amounts missing."""
    first, last = start - more, start + size + more
    return max(0, -first), slice(max(0, first), min(length, last)), max(0, last - length)


def _parts(weights: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Split weights into (row, column, part), without zero rows and columns around each part.

    Parts are small enough that cv2.filter2D sums directly, skipping zeros, instead of transforming;
    a row that is too wide becomes a part of its own.
    """
    used = weights != 0
    firsts = used.argmax(axis=1).tolist()
    lasts = (used.shape[1] - used[:, ::-1].argmax(axis=1)).tolist()
    rows = np.flatnonzero(used.any(axis=1)).tolist()
    parts = []
    while rows:
        top, left, right = rows[0], firsts[rows[0]], lasts[rows[0]]
        bottom = rows.pop(0) + 1
        while rows:
            columns = min(left, firsts[rows[0]]), max(right, lasts[rows[0]])
            if (rows[0] + 1 - top) * (columns[1] - columns[0]) > _PART_AREA_MAX:
                break
            (left, right), bottom = columns, rows.pop(0) + 1
        parts.append((top, left, np.ascontiguousarray(weights[top:bottom, left:right])))
    return parts
