"""Decode a picture file with Pillow into one sRGB photo, or one sentence that names the file.

Everything that a camera or an editor stores is resolved here: rotation, colour profile, palette,
grey, CMYK, 16 bits, transparency. Pixels are decoded only after the size has been checked.
"""

import io
import os
import struct
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from absl import logging
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from tfdeblur.images.png_chunks import PROFILE_LIMIT, within_limits

SIGNATURES = {  # Pillow's name of a format: how its files begin; a dot stands for any byte.
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8\xff",),
    "WEBP": (b"RIFF....WEBP",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "BMP": (b"BM",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "PPM": (b"P4", b"P5", b"P6"),
}
READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF or PPM"

_TAG = ExifTags.Base
_DESCRIPTIVE = (
    _TAG.ImageDescription,
    _TAG.Make,
    _TAG.Model,
    _TAG.Software,
    _TAG.DateTime,
    _TAG.Artist,
    _TAG.Copyright,
    *range(_TAG.XPTitle, _TAG.XPSubject + 1),
)
_OF_FILE = {_TAG.ExifImageWidth, _TAG.ExifImageHeight}
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, struct.error, zlib.error)
_stderr_lock = threading.Lock()


class ImageError(ValueError):
    """A picture cannot be read or written; the message names the file, rule and fact."""


@dataclass(frozen=True)
class Tags:
    """What a file says about its picture, besides the pixels.

    Attributes:
      exif: the EXIF fields that describe the picture (dates, camera, place, author), encoded; not
        its rotation, which has been applied, and not its size. Empty if there are none.
      xmp: the XMP packet without the rotation, or None.
      dpi: (horizontal, vertical) pixels per inch, or None.
      profile: whether the file had a colour profile, which has been applied.
    """

    exif: bytes = b""
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    profile: bool = False


@dataclass(frozen=True)
class Photo:
    """A picture in memory.

    Attributes:
      rgb: `[H, W, 3] uint8`, sRGB.
      alpha: `[H, W] uint8`, 255 is opaque; None where the file has no transparency.
      grey: whether the file has no colours; then the three channels of `rgb` are equal.
      tags: what else the file says.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    tags: Tags = field(default_factory=Tags)


def decode(path: Path, max_pixels: int) -> Photo:
    """Read one picture; see `files.read_photo`."""
    with opened(path) as image:
        if image.width * image.height > max_pixels:
            raise ImageError(
                f"{path}: a picture must have at most {max_pixels:,} pixels. "
                f"Got: {image.width}x{image.height}."
            )
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise ImageError(f"{path}: must hold one picture. It has {frames} frames or pages.")
        deep = image.mode.startswith("I") or ";16" in str(image.tile)
        with _silent_libtiff() if image.format == "TIFF" else nullcontext():
            image.load()
        if deep:
            logging.warning("%s: has 16 bits a sample; the upper 8 are read.", path)
        return to_photo(image, path)


def size(path: Path) -> tuple[int, int]:
    """Return (width, height) after the rotation, without decoding; see `files.image_size`."""
    with opened(path) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        return (image.height, image.width) if turned else (image.width, image.height)


@contextmanager
def opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a picture; turn any decoder error into an ImageError that names the file."""
    _check_file(path)
    try:
        with _open(path) as image:
            yield image
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{path}: has too many pixels: {error}") from error
    except _DECODER_ERRORS as error:
        raise ImageError(f"{path}: {_fault(error, _first_bytes(path))}") from error


def _fault(error: Exception, first: bytes) -> str:
    """Tell a damaged picture from another kind of file, by how it begins."""
    if not isinstance(error, UnidentifiedImageError):
        return f"is damaged and cannot be decoded: {error}"
    kind = _format(first)
    if kind:
        return f"is damaged and cannot be decoded: it only begins like a {kind} file."
    return f"must be a picture ({READABLE}). Its first bytes are {first!r}."


def _open(path: Path) -> ImageFile.ImageFile:
    """Open a file with Pillow; leave out metadata that Pillow would refuse a PNG for."""
    smaller = within_limits(path) if _format(_first_bytes(path)) == "PNG" else None
    if smaller is None:
        return Image.open(path, formats=tuple(SIGNATURES))
    content, profile = smaller
    image = Image.open(content, formats=("PNG",))
    if profile is None:
        logging.warning(
            "%s: its colour profile is damaged or exceeds %d bytes; read as sRGB.",
            path,
            PROFILE_LIMIT,
        )
    elif profile:
        image.info["icc_profile"] = profile
    return image


def _check_file(path: Path) -> None:
    if not path.exists():
        raise ImageError(f"{path}: there is no such file.")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise ImageError(f"{path}: must be a picture ({READABLE}). It is {kind}.")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: must be a picture ({READABLE}). It is empty (0 bytes).")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(12)


def _format(first: bytes) -> str | None:
    """Name the format that a file with these first bytes claims to have."""

    def begins(signature: bytes) -> bool:
        return len(first) >= len(signature) and all(
            expected in (found, ord(".")) for expected, found in zip(signature, first, strict=False)
        )

    return next((name for name, signs in SIGNATURES.items() if any(map(begins, signs))), None)


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Keep what libtiff prints from the terminal; its errors reach us as exceptions as well."""
    with _stderr_lock, tempfile.TemporaryFile() as nowhere:
        try:
            kept = os.dup(2)
        except OSError:  # A program without a standard error has none to spoil.
            kept = None
        else:
            os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            if kept is not None:
                os.dup2(kept, 2)
                os.close(kept)


def to_photo(image: Image.Image, name: str | Path) -> Photo:
    """Resolve rotation, samples, transparency, colour profile and tags; messages use `name`."""
    profile, exif = image.info.get("icc_profile"), _descriptive_exif(image, name)
    image = ImageOps.exif_transpose(image)
    tags = Tags(exif, _xmp(image), _dpi(image), bool(profile))
    colours, alpha = _split(image, name)
    grey = colours.mode == "L"
    rgb = np.asarray(_to_srgb(colours, profile, name))
    if grey:  # A conversion may leave the channels a level apart.
        rgb = np.repeat(rgb[..., 1:2], 3, axis=2)
    return Photo(rgb, alpha, grey, tags)


def _split(image: Image.Image, name: str | Path) -> tuple[Image.Image, np.ndarray | None]:
    """Return the colours as L, RGB, CMYK or LAB, not yet converted, and the transparency."""
    if image.mode.startswith("I"):
        return _high_bytes(image, name)
    if image.mode == "F":
        raise ImageError(f"{name}: must have 8 or 16 bits a sample. It has floating-point samples.")
    if image.has_transparency_data:
        grey = image.mode in ("1", "L", "LA", "La")
        image = image.convert("LA" if grey else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
        return image.convert("L" if grey else "RGB"), alpha
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("RGB")
    return image, None


def _high_bytes(image: Image.Image, name: str | Path) -> tuple[Image.Image, np.ndarray | None]:
    """Take the high bytes of 16-bit grey; one level may be transparent."""
    samples = np.asarray(image)
    if samples.size and not 0 <= samples.min() <= samples.max() < 2**16:
        raise ImageError(f"{name}: must have 8 or 16 bits a sample. It has 32.")
    transparent = image.info.get("transparency")
    alpha = None
    if transparent is not None:
        alpha = np.where(samples == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray((samples >> 8).astype(np.uint8)), alpha


def _to_srgb(image: Image.Image, profile: bytes | None, name: str | Path) -> Image.Image:
    """Convert L, RGB, CMYK or LAB to sRGB; report and ignore a profile that does not fit."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")) if image.mode == "LAB" else None
    if lab or profile:
        try:
            source = lab or ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
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
            logging.warning("%s: its colour profile does not fit and is ignored: %s", name, error)
    return image.convert("RGB")


def _descriptive_exif(image: Image.Image, name: str | Path) -> bytes:
    """Return the fields that describe the picture, not how this file stores it."""
    kept = Image.Exif()
    try:
        source = image.getexif()
        for tag in _DESCRIPTIVE:
            if tag in source:
                kept[tag] = source[tag]
        for block in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            fields = {
                tag: value for tag, value in source.get_ifd(block).items() if tag not in _OF_FILE
            }
            if fields:
                kept.get_ifd(block).update(fields)
        return kept.tobytes() if len(kept) or kept.get_ifd(ExifTags.IFD.Exif) else b""
    except _DECODER_ERRORS as error:
        logging.warning("%s: its EXIF fields are damaged and not carried over: %s", name, error)
        return b""


def _xmp(image: Image.Image) -> bytes | None:
    packet = image.info.get("xmp")
    return packet.encode() if isinstance(packet, str) else packet


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return the resolution; one dot per inch stands for an unknown one."""
    try:
        x, y = map(float, image.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 < x < 1e5 and 1 < y < 1e5 else None
