"""MATLAB-exact bicubic resizing, 8-bit conversion and luma, in numpy.

The low-resolution images of all five papers are bicubic in the sense of MATLAB's `imresize`: Keys'
cubic with a = -0.5, stretched by the scale when shrinking (anti-aliasing), mirrored at the borders.
Interpolation runs in floating point throughout; MATLAB itself rounds uint8 images between the two
axes, which moves a value by at most one level.
"""

from functools import lru_cache

import numpy as np

RESIZER = "matlab_bicubic"  # Recorded in the metadata of every data set that is shrunk with it.


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=256)
def _taps(length: int, resized: int) -> tuple[np.ndarray, np.ndarray]:
    """Return source indices and weights, each `[taps, resized]`, for one axis."""
    scale = resized / length
    stretch = min(scale, 1.0)  # < 1 widens the kernel: anti-aliasing.
    width = 4.0 / stretch
    centre = (np.arange(resized) + 0.5) / scale - 0.5
    first = np.floor(centre - width / 2).astype(np.int64)
    source = first[None, :] + np.arange(int(np.ceil(width)) + 2)[:, None]
    weights = _cubic((centre[None, :] - source) * stretch)
    weights /= weights.sum(axis=0, keepdims=True)
    mirrored = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    used = np.any(weights != 0, axis=1)
    return mirrored[source[used] % (2 * length)], weights[used].astype(np.float32)


def _resize_rows(image: np.ndarray, rows: int) -> np.ndarray:
    indices, weights = _taps(image.shape[0], rows)
    shape = (rows,) + (1,) * (image.ndim - 1)
    resized = np.zeros((rows, *image.shape[1:]), np.float32)
    for index, weight in zip(indices, weights, strict=True):
        resized += image[index] * weight.reshape(shape)
    return resized


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
    resized = np.asarray(image, np.float32)
    # MATLAB shrinks the axis with the smaller scale first; with equal scales, rows first.
    axes = [(height / image.shape[0], 0, height), (width / image.shape[1], 1, width)]
    for _, axis, length in sorted(axes):
        if resized.shape[axis] != length:
            resized = np.moveaxis(_resize_rows(np.moveaxis(resized, axis, 0), length), 0, axis)
    return np.ascontiguousarray(resized)


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
    return np.clip(np.rint(np.asarray(image, np.float32) * 255.0), 0, 255).astype(np.uint8)


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
