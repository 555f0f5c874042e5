"""Bring photographs to a recipe's size by shrinking and cropping; list positions of patches."""

import numpy as np

from tfdeblur.degradations.recipes.pair import UnfitImage
from tfdeblur.images.resize import resize_bicubic, round_levels


def size_text(image: np.ndarray) -> str:
    """Return an image's size as text, width x height."""
    return f"{image.shape[1]}x{image.shape[0]}"


def check_photo(photo: np.ndarray, side: int) -> None:
    """Check that a photograph is `[H, W, 3]` uint8 and large enough.

    Raises:
      ValueError: it has another shape or dtype.
      UnfitImage: one of its sides is shorter than `side`.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise ValueError(f"`photo` must be [H, W, 3] uint8. Got: {photo.shape} {photo.dtype}.")
    if min(photo.shape[:2]) < side:
        raise UnfitImage(f"must be at least {side}x{side} px. Got: {size_text(photo)}.")


def central_square(image: np.ndarray) -> np.ndarray:
    """Crop the largest central square; an odd remainder is larger at the bottom or right."""
    side = min(image.shape[:2])
    return _middle(image, side, side)


def cover(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink a photograph until it just covers a size, and crop that from the middle.

    A photograph that does not cover the size in both directions is not shrunk.

    Args:
      photo: `[H, W, C]` uint8.
      height: in pixels.
      width: in pixels.

    Returns:
      uint8, at most `[height, width, C]`: MATLAB bicubic.
    """
    rows, columns = photo.shape[:2]
    scale = min(1.0, max(height / rows, width / columns))
    shrunk = resized(photo, round(scale * rows), round(scale * columns))
    return _middle(shrunk, min(height, len(shrunk)), min(width, shrunk.shape[1]))


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize uint8 `[H, W(, C)]` to uint8 by MATLAB bicubic, unless it already has that size."""
    if image.shape[:2] == (height, width):
        return image
    return round_levels(resize_bicubic(image, (height, width)))


def patch_positions(height: int, width: int, size: int, stride: int) -> list[tuple[int, int]]:
    """Return (top, left) of every square that fits into an image, row by row.

    Args:
      height: of the image in pixels.
      width: of the image in pixels.
      size: side of the square.
      stride: between squares.
    """
    tops, lefts = (range(0, length - size + 1, stride) for length in (height, width))
    return [(top, left) for top in tops for left in lefts]


def _middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
