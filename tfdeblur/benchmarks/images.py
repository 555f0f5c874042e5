"""Images to time recipes on: the user's own photographs, or drawn ones that cost as much to blur.

Only the time of PNG encoding depends on the contents: noise takes longest, flat areas are fastest.
A drawn photograph has the spectrum of a natural one, and edges.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tfdeblur.images.files import find_images, read_image
from tfdeblur.images.resize import resize_bicubic

_SHAPES = 24  # Discs and bars before the texture.
_CONTRAST = 24.0  # Standard deviation of the texture in levels.


def photographs(
    folder: str, size: tuple[int, int], count: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Read photographs and fit them to a size, or draw some.

    Args:
      folder: of photographs; the first `count` are read, and reused if there are fewer; empty: draw
        them.
      size: (height, width) in pixels; a file's image is resized to cover it and cropped to the
        middle.
      count: number of photographs.
      rng: source of every draw.

    Returns:
      `count` images `[H, W, 3]` uint8.

    Raises:
      ValueError: the folder holds no image or an unreadable one.
    """
    if not folder:
        return [draw_photograph(rng, size) for _ in range(count)]
    files = [path for path, _ in find_images([folder])][:count]
    if not files:
        raise ValueError(f"{folder}: must hold images. Got: none.")
    fitted = [_fit(path, size) for path in files]
    return [fitted[number % len(fitted)] for number in range(count)]


def _fit(path: Path, size: tuple[int, int]) -> np.ndarray:
    image = read_image(path)
    height, width = size
    rows, columns = image.shape[:2]
    scale = max(height / rows, width / columns)
    rows, columns = max(height, round(scale * rows)), max(width, round(scale * columns))
    resized = resize_bicubic(image, (rows, columns))
    top, left = (rows - height) // 2, (columns - width) // 2
    middle = resized[top : top + height, left : left + width]
    return np.clip(np.rint(middle), 0, 255).astype(np.uint8)


def draw_photograph(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Draw discs and bars of random colours under a texture with amplitudes ~ 1 / frequency.

    Args:
      rng: source of every draw.
      size: (height, width) in pixels.

    Returns:
      `[H, W, 3]` uint8.
    """
    height, width = size
    canvas = np.full((height, width, 3), rng.integers(40, 216, 3), np.uint8)
    for _ in range(_SHAPES):
        colour = rng.integers(0, 256, 3).tolist()
        x, y = rng.integers(0, (width, height)).tolist()
        reach = int(rng.integers(2, max(4, min(size) // 4)))
        if rng.random() < 0.5:
            cv2.circle(canvas, (x, y), reach, colour, -1, cv2.LINE_AA)
        else:
            end = rng.integers(0, (width, height)).tolist()
            cv2.line(canvas, (x, y), end, colour, max(1, reach // 4), cv2.LINE_AA)
    spectrum = np.fft.rfft2(rng.standard_normal((3, height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf  # Keeps the mean.
    texture = np.fft.irfft2(spectrum / frequency, (height, width)).transpose(1, 2, 0)
    shown = canvas + texture * (_CONTRAST / texture.std())
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8)


def shake(image: np.ndarray, reach: int) -> np.ndarray:
    """Blur `[H, W, 3]` uint8 along the diagonal over `2 * reach + 1` pixels, as a blurry frame."""
    psf = np.eye(2 * reach + 1, dtype=np.float32) / (2 * reach + 1)
    return cv2.filter2D(image, -1, psf)


def face_mask(side: int) -> np.ndarray:
    """Return `[side, side]` uint8: 255 in an upright ellipse that fills 55 % of the square."""
    mask = np.zeros((side, side), np.uint8)
    centre, axes = (side // 2, side // 2), (round(0.37 * side), round(0.475 * side))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    return mask


def cycle(items: Sequence, number: int):
    """Return item `number` of an endlessly repeated list."""
    return items[number % len(items)]
