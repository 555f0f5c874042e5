"""Restore a large image in overlapping tiles, with the same result as in one pass."""

from collections.abc import Callable, Iterator

import numpy as np


def restore_tiled(
    restore: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    scale: int,
    tile: int,
    halo: int,
    size_multiple: int = 1,
) -> np.ndarray:
    """Restore `image` window by window.

    A window covers a tile and at least `halo` pixels around it, fewer only at the image's border.
    All windows have the same size, so a runtime plans its memory once. The result equals one pass
    over the whole image if no output pixel depends on input further away than `halo`; layers with
    statistics over the image break this.

    Args:
      restore: `[1, h, w, 3] uint8` to `[1, sh, sw, 3] uint8`.
      image: `[H, W, 3] uint8`; H and W are multiples of `size_multiple`.
      scale: enlargement factor of the restored image.
      tile: side of the part of a window that is kept, in pixels of the image.
      halo: pixels of context on each side.
      size_multiple: windows start and end at multiples of this; `tile` and `halo` are rounded up.

    Returns:
      `[sH, sW, 3] uint8`.

    Raises:
      ValueError: `tile` is below 1, `halo` is negative, or a side is not a multiple.
    """
    height, width = image.shape[:2]
    if tile < 1 or halo < 0:
        raise ValueError(f"`tile` must be at least 1 and `halo` 0. Got: {tile} and {halo}.")
    if height % size_multiple or width % size_multiple:
        raise ValueError(
            f"`image` must have sides that are multiples of {size_multiple}. Got: {height}x{width}."
        )
    tile, halo = (-(-length // size_multiple) * size_multiple for length in (tile, halo))
    restored = np.empty((scale * height, scale * width, 3), np.uint8)
    for row, rows in _windows(height, tile, halo):
        for column, columns in _windows(width, tile, halo):
            window = restore(image[None, rows, columns])[0]
            inside = window[_scaled(row, scale, rows.start), _scaled(column, scale, columns.start)]
            restored[_scaled(row, scale), _scaled(column, scale)] = inside
    return restored


def _windows(length: int, tile: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Yield (slice to keep, slice to read) along an axis; the kept slices cover it exactly once."""
    window = min(length, tile + 2 * halo)
    if window == length:
        yield slice(0, length), slice(0, length)
        return
    for start in range(0, length, tile):
        first = min(max(start - halo, 0), length - window)
        yield slice(start, min(start + tile, length)), slice(first, first + window)


def _scaled(part: slice, scale: int, origin: int = 0) -> slice:
    return slice((part.start - origin) * scale, (part.stop - origin) * scale)
