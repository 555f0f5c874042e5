"""Read photographs as a viewer shows them, and write files atomically; list pictures in folders."""

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfdeblur.images import decoding
from tfdeblur.images.decoding import ImageError, Photo
from tfdeblur.images.encoding import FORMATS, QUALITY, encode
from tfdeblur.images.transparency import on_white

IMAGE_SUFFIXES = (*FORMATS, ".gif", ".pbm", ".pgm", ".ppm")  # Of pictures that are read.
MAX_PIXELS = 50_000_000  # Below the 89 megapixels at which Pillow suspects a decompression bomb.


def read_photo(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a picture (PNG, JPEG, WebP, TIFF, BMP, GIF or PPM), whatever its suffix.

    The EXIF rotation is applied, an embedded ICC profile is converted to sRGB, and 16-bit samples
    keep their high byte, which is logged. Metadata of any size is no obstacle.

    Args:
      path: the file.
      max_pixels: largest height times width; checked before anything is decoded.

    Raises:
      ImageError: the file is missing, not such a picture, damaged, larger than `max_pixels`, holds
        several frames or pages, or has samples of 32 bits.
    """
    return decoding.decode(Path(path), max_pixels)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) of a picture after its EXIF rotation, without decoding it.

    Raises:
      ImageError: the file is missing or not a picture.
    """
    return decoding.size(Path(path))


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as `[H, W, 3] uint8` RGB; transparent parts are laid on white paper.

    See `read_photo` for conversions, arguments and errors.
    """
    return _on_white(read_photo(path, max_pixels=max_pixels))


def to_rgb(image: Image.Image) -> np.ndarray:
    """Convert a PIL image to `[H, W, 3] uint8` RGB, as `read_image` would read its file."""
    return _on_white(decoding.to_photo(image, "the picture"))


def _on_white(photo: Photo) -> np.ndarray:
    return photo.rgb if photo.alpha is None else on_white(photo.rgb, photo.alpha)


def write_photo(path: str | Path, photo: Photo, *, quality: int = QUALITY) -> None:
    """Write a photo atomically in the format of the suffix; see `encoding.encode`.

    Args:
      path: ends in a key of `encoding.FORMATS`; missing folders are created.
      photo: the picture.
      quality: of JPEG and WebP, 1 to 100.

    Raises:
      ImageError: the suffix is another one, or the format cannot hold the picture.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(
            f"{path}: the suffix must be one of {', '.join(FORMATS)}. Got: {suffix!r}."
        )
    try:
        encoded = encode(photo, suffix, quality)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    write_bytes(path, encoded)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an array atomically as a picture; see `write_photo`.

    Args:
      path: as for `write_photo`.
      image: uint8 `[H, W]`, `[H, W, 3]` RGB or `[H, W, 4]` RGBA.

    Raises:
      ImageError: the suffix, dtype or shape is wrong, or the format cannot hold the picture.
    """
    rank = np.ndim(image)
    if (
        image.dtype != np.uint8
        or 0 in image.shape
        or not (rank == 2 or (rank == 3 and image.shape[2] in (3, 4)))
    ):
        raise ImageError(
            f"{path}: a picture must be uint8 [H, W], [H, W, 3] or [H, W, 4] and not empty. "
            f"Got: {image.dtype} {image.shape}."
        )
    grey = rank == 2
    rgb = np.repeat(image[..., None], 3, axis=2) if grey else image[..., :3]
    alpha = image[..., 3] if rank == 3 and image.shape[2] == 4 else None
    write_photo(path, Photo(np.ascontiguousarray(rgb), alpha, grey))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file atomically: readers see the old or the new content. Creates folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with staged.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically. See `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Write an indented JSON file atomically. See `write_bytes`.

    Raises:
      ValueError: `value` holds inf or NaN, which JSON cannot.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{path}: JSON holds finite numbers only: {error}") from error
    write_text(path, text + "\n")


def find_images(
    inputs: Iterable[str | Path],
    *,
    exclude: str | Path | None = None,
    pass_over: Callable[[Path], object] = lambda path: None,
) -> list[tuple[Path, Path]]:
    """List pictures to process, and the paths of their results below an output folder.

    Args:
      inputs: files, which are returned even if they do not exist; and folders, which are searched
        recursively for `IMAGE_SUFFIXES`. Names that start with a dot are skipped, links to folders
        are not followed.
      exclude: a folder that is not searched, such as the output folder itself.
      pass_over: called with each file in a folder that has another suffix, except hidden ones.

    Returns:
      (source, relative result), sorted within each input. A folder's tree is mirrored. Duplicates
      with the same source and result are listed once.

    Raises:
      OSError: a folder cannot be searched.
    """
    found: dict[tuple[str, Path], tuple[Path, Path]] = {}
    for source in map(Path, inputs):
        pairs = [(source, Path(source.name))]
        if source.is_dir():
            pairs = [(path, path.relative_to(source)) for path in _walk(source, exclude, pass_over)]
        for path, relative in pairs:
            found.setdefault((os.path.realpath(path), relative), (path, relative))
    return list(found.values())


def _walk(
    folder: Path, exclude: str | Path | None, pass_over: Callable[[Path], object]
) -> Iterator[Path]:
    left_out = None if exclude is None else os.path.realpath(exclude)
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) != left_out
        )
        for path in (Path(parent, name) for name in sorted(names) if not name.startswith(".")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                yield path
            else:
                pass_over(path)


def _raise(error: OSError) -> None:
    raise error
