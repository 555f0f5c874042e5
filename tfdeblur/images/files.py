"""Read photographs as a viewer shows them, and write files atomically.

Reading resolves everything that a camera or an editor puts into a PNG or JPEG: EXIF rotation, ICC
profile, palette, grey, CMYK, 16 bits, transparency. numpy and Pillow only.
"""

import io
import json
import os
import struct
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging
from PIL import ExifTags, Image, ImageCms, ImageOps

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_PIXELS = 50_000_000  # Below the 89 megapixels at which Pillow suspects a decompression bomb.
JPEG_QUALITY = 95

_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, struct.error, zlib.error)


class ImageError(ValueError):
    """A picture cannot be read or written; the message names the file, rule and fact."""


@dataclass(frozen=True)
class Photo:
    """A picture in memory.

    Attributes:
      rgb: `[H, W, 3] uint8`, sRGB.
      alpha: `[H, W] uint8`, 255 is opaque; None where the file has no transparency.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None


def read_photo(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a PNG or JPEG file, whatever its suffix; the first frame if there are several.

    The EXIF rotation is applied, an embedded ICC profile is converted to sRGB, and 16-bit samples
    keep their high byte.

    Args:
      path: the file.
      max_pixels: largest height times width; checked before anything is decoded.

    Raises:
      ImageError: the file is missing, not a PNG or JPEG, damaged, or larger than `max_pixels`.
    """
    path = Path(path)
    with _opened(path) as image:
        if image.width * image.height > max_pixels:
            raise ImageError(
                f"{path}: a picture must have at most {max_pixels:,} pixels. "
                f"Got: {image.width}x{image.height}."
            )
        image.load()
        return _convert(ImageOps.exif_transpose(image), path)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) of a picture after its EXIF rotation, without decoding it.

    Raises:
      ImageError: the file is missing or not a PNG or JPEG.
    """
    with _opened(Path(path)) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        return (image.height, image.width) if turned else (image.width, image.height)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; turn any decoder error into an ImageError that names the file."""
    _check_file(path)
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            yield image
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError(
            f"{path}: must be a PNG or JPEG picture. Its first bytes are {_first_bytes(path)!r}."
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{path}: has too many pixels: {error}") from error
    except _DECODER_ERRORS as error:
        raise ImageError(f"{path}: is damaged and cannot be decoded: {error}") from error


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as `[H, W, 3] uint8` RGB; transparent parts are laid on white paper.

    See `read_photo` for conversions, arguments and errors.
    """
    return _on_white(read_photo(path, max_pixels=max_pixels))


def to_rgb(image: Image.Image) -> np.ndarray:
    """Convert a PIL image to `[H, W, 3] uint8` RGB, as `read_image` would read its file."""
    return _on_white(_convert(ImageOps.exif_transpose(image), "the picture"))


def _on_white(photo: Photo) -> np.ndarray:
    if photo.alpha is None:
        return photo.rgb
    alpha = photo.alpha[..., None].astype(np.uint32)
    mixed = photo.rgb * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise ImageError(f"{path}: there is no such file.")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ImageError(f"{path}: must be a PNG or JPEG picture. It is {kind}.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: must be a PNG or JPEG picture. It is empty (0 bytes).")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(12)


def _convert(image: Image.Image, name: str | Path) -> Photo:
    """Resolve mode, transparency and colour profile; warnings name the picture."""
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode.startswith("I"):  # 16-bit grey
        samples = np.asarray(image).astype(np.uint32)
        transparent = image.info.get("transparency")
        if transparent is not None:
            alpha = np.where(samples == transparent, 0, 255).astype(np.uint8)
        image = Image.fromarray((samples >> 8).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return Photo(np.asarray(_to_srgb(image, profile, name)), alpha)


def _to_srgb(image: Image.Image, profile: bytes | None, name: str | Path) -> Image.Image:
    """Convert L, RGB or CMYK to sRGB; report and ignore a profile that does not fit."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if ImageCms.getProfileDescription(source).startswith("sRGB"):
                return image.convert("RGB")
            if source.profile.xcolor_space.strip() == "RGB":
                image = image.convert("RGB")
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError) as error:
            logging.warning("%s: its ICC profile is left aside, taken as sRGB: %s", name, error)
    return image.convert("RGB")


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a picture atomically as PNG or JPEG (quality 95, 4:4:4), by its suffix.

    Args:
      path: ends in one of `IMAGE_SUFFIXES`; missing folders are created.
      image: uint8 `[H, W]`, `[H, W, 3]` RGB or, for PNG, `[H, W, 4]` RGBA.

    Raises:
      ImageError: the suffix, dtype or shape is wrong, or the format cannot hold the picture.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise ImageError(f"{path}: the suffix must be .png, .jpg or .jpeg. Got: {suffix!r}.")
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
    if suffix != ".png" and rank == 3 and image.shape[2] == 4:
        raise ImageError(f"{path}: JPEG holds no transparency; write [H, W, 3], or a .png.")
    encoded = io.BytesIO()
    try:
        if suffix == ".png":
            Image.fromarray(image).save(encoded, "PNG")
        else:
            Image.fromarray(image).save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: {image.shape} cannot be encoded: {error}") from error
    write_bytes(path, encoded.getvalue())


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
