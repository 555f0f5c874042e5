"""MATLAB-exact bicubic resizing, 8-bit conversion and luma, in numpy.

The low-resolution images of all five papers are bicubic in the sense of MATLAB's `imresize`: Keys'
cubic with a = -0.5, stretched by the scale when shrinking (anti-aliasing), mirrored at the borders.
Interpolation runs in floating point throughout, in float64 so that every machine rounds to the same
8 bits; MATLAB itself rounds uint8 images between the two axes, which moves a value by at most one
level. By hand, as no light library does the same: OpenCV takes a = -0.75 and does not stretch the
cubic, Pillow renormalises at the borders.
"""

from functools import lru_cache

import cv2
import numpy as np

_BLOCK = 8  # Result rows per block of a large image: more waste work, fewer multiply slower.
_SMALL = 96  # Images of up to this many rows are small.

RESIZER = "matlab_bicubic"  # Recorded in the metadata of every data set shrunk with it.


def cubic(x: np.ndarray) -> np.ndarray:
    """Evaluate Keys' cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=512)
def _blocks(length: int, resized: int, dtype: str) -> list[tuple[slice, slice, np.ndarray]]:
    """Return, for each block of result rows, the source rows that it sees and their weights.

    Adjacent rows see nearly the same source rows, so products with these matrices are fast and
    waste little work on zero weights.

    Returns:
      (rows, source rows, `[rows, source rows]` weights) of each block.
    """
    scale = resized / length
    stretch = min(scale, 1.0)  # < 1 widens the kernel: anti-aliasing.
    width = 4.0 / stretch
    centre = (np.arange(resized) + 0.5) / scale - 0.5
    first = np.floor(centre - width / 2).astype(np.int64)
    source = first[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = cubic((centre[:, None] - source) * stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    matrix = np.zeros((resized, length))
    np.add.at(matrix, (np.arange(resized)[:, None], mirrored[source % (2 * length)]), weights)
    blocks = []
    size = _BLOCK if length > _SMALL else resized
    for start in range(0, resized, size):
        rows = slice(start, start + size)
        used = np.flatnonzero(matrix[rows].any(axis=0))
        seen = slice(int(used[0]), int(used[-1]) + 1)
        blocks.append((rows, seen, np.ascontiguousarray(matrix[rows, seen], dtype)))
    return blocks


def _resize_rows(image: np.ndarray, rows: int) -> np.ndarray:
    resized = np.empty((rows, *image.shape[1:]), image.dtype)
    source, result = image.reshape(len(image), -1), resized.reshape(rows, -1)
    for block, seen, weights in _blocks(len(image), rows, image.dtype.char):
        np.matmul(weights, source[seen], out=result[block])
    return resized


def _resize_columns(image: np.ndarray, columns: int) -> np.ndarray:
    return _swap_axes(_resize_rows(_swap_axes(image), columns))


def _swap_axes(image: np.ndarray) -> np.ndarray:
    """Swap rows and columns of `[H, W, C]`, including the memory layout."""
    height, width, channels = image.shape
    if channels * image.itemsize > 32:  # Bytes per pixel that OpenCV can swap.
        return np.ascontiguousarray(image.swapaxes(0, 1))
    return cv2.transpose(image).reshape(width, height, channels)


def resize_bicubic(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize as MATLAB's `imresize(image, size, 'bicubic')` does.

    Args:
      image: `[H, W]` or `[H, W, C]`, any real dtype.
      size: (height, width) of the result, each at least 1.

    Returns:
      float32 `[height, width]` or `[height, width, C]` in the range of `image`, neither rounded nor
      clipped (bicubic overshoots at edges).

    Raises:
      ValueError: `image` has another rank, is empty, or `size` is not positive.
    """
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"`image` must be [H, W] or [H, W, C] and not empty. Got: {image.shape}.")
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"`size` must be at least (1, 1). Got: {size}.")
    resized = image.reshape(*image.shape[:2], -1)
    # MATLAB shrinks the axis with the smaller scale first; with equal scales, rows first.
    scales = [(height / image.shape[0], 0, height), (width / image.shape[1], 1, width)]
    for _, axis, length in sorted(scales):
        if resized.shape[axis] == length:
            continue
        # Eight bits times twelve-bit weights: float32 is exact here, and twice as fast.
        exact = resized.dtype == np.uint8 and resized.shape[axis] in (2 * length, 4 * length)
        resized = np.ascontiguousarray(resized, np.float32 if exact else np.float64)
        resized = _resize_rows(resized, length) if axis == 0 else _resize_columns(resized, length)
    resized = np.ascontiguousarray(resized, np.float32)
    return resized.reshape(height, width, *image.shape[2:])


def downscale(image: np.ndarray, scale: int) -> np.ndarray:
    """Shrink `[H, W(, C)]` by an integer `scale` that divides H and W. See `resize_bicubic`."""
    height, width = image.shape[:2]
    if scale < 1 or height % scale or width % scale:
        raise ValueError(
            f"`image` must have sides that are multiples of {scale}. Got: {height}x{width}."
        )
    return resize_bicubic(image, (height // scale, width // scale))


def upscale(image: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge `[H, W(, C)]` by an integer `scale`: the bicubic baseline. See `resize_bicubic`."""
    if scale < 1:
        raise ValueError(f"`scale` must be at least 1. Got: {scale}.")
    return resize_bicubic(image, (image.shape[0] * scale, image.shape[1] * scale))


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Convert `[0, 1]` to uint8 `[0, 255]`: scale, round half to even, clip."""
    return round_levels(np.multiply(image, np.float32(255), dtype=np.float32))


def round_levels(image: np.ndarray) -> np.ndarray:
    """Convert float32 `[0, 255]` to uint8: round half to even, clip."""
    row = np.asarray(image, np.float32).reshape(1, -1)  # OpenCV treats short vectors as scalars.
    return cv2.add(row, 0, dtype=cv2.CV_8U).reshape(image.shape)


def luma(image: np.ndarray) -> np.ndarray:
    """Return the BT.601 studio-range luma of MATLAB's `rgb2ycbcr`.

    Args:
      image: `[..., 3]` RGB in [0, 255].

    Returns:
      float64 `[...]` in [16, 235]: Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255.
    """
    if image.shape[-1] != 3:
        raise ValueError(f"`image` must have 3 channels last. Got: {image.shape}.")
    return 16.0 + np.asarray(image, np.float64) @ np.array([65.481, 128.553, 24.966]) / 255.0
