"""Encode a photo as PNG, JPEG, WebP, TIFF or BMP, with what its source said about it."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from tfdeblur.images.decoding import ImageError, Photo

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
QUALITY = 95  # Of JPEG and WebP.
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}  # Pixels a side.
_OPAQUE = ("JPEG", "BMP")
_XMP = "XML:com.adobe.xmp"
_XMP_TAG = 700  # Of TIFF.


def obstacle(suffix: str, height: int, width: int, *, transparent: bool) -> str | None:
    """Say why a format cannot hold a picture, or None if it can.

    Args:
      suffix: a key of `FORMATS`.
      height: of the picture, in pixels.
      width: likewise.
      transparent: whether the picture has an alpha channel.
    """
    kind = FORMATS[suffix]
    longest = LONGEST.get(kind)
    if longest and max(height, width) > longest:
        return f"{kind} holds at most {longest:,} px a side. Got: {width}x{height}."
    if transparent and kind in _OPAQUE:
        return f"{kind} holds no transparency."
    return None


def encode(photo: Photo, suffix: str, quality: int = QUALITY) -> bytes:
    """Encode a photo: grey as grey, transparent parts as such, in sRGB.

    Args:
      photo: the picture; a file with a colour profile gets sRGB's.
      suffix: a key of `FORMATS`.
      quality: 1 to 100, of JPEG (4:4:4) and WebP; the other formats keep every pixel.

    Raises:
      ImageError: the format cannot hold the picture.
    """
    height, width = photo.rgb.shape[:2]
    why = obstacle(suffix, height, width, transparent=photo.alpha is not None)
    if why:
        raise ImageError(why)
    kind = FORMATS[suffix]
    encoded = io.BytesIO()
    options = {**_settings(kind, quality), **_carried(photo, kind)}
    try:
        _to_image(photo).save(encoded, kind, **options)
    except (OSError, ValueError) as error:
        raise ImageError(f"{width}x{height} px cannot be encoded as {kind}: {error}") from error
    return encoded.getvalue()


def _to_image(photo: Photo) -> Image.Image:
    channels = photo.rgb[..., :1] if photo.grey else photo.rgb
    if photo.alpha is not None:
        channels = np.dstack([channels, photo.alpha])
    return Image.fromarray(channels[..., 0] if channels.shape[2] == 1 else channels)


def _settings(kind: str, quality: int) -> dict[str, Any]:
    if kind == "JPEG":
        return {"quality": quality, "subsampling": 0}
    if kind == "WEBP":
        return {"quality": quality, "method": 4}
    return {"compression": "tiff_adobe_deflate"} if kind == "TIFF" else {}


def _carried(photo: Photo, kind: str) -> dict[str, Any]:
    """Return the arguments of Pillow's `save` for what the source said."""
    tags, options = photo.tags, dict[str, Any]()
    if tags.dpi and kind != "WEBP":
        options["dpi"] = tags.dpi
    if kind == "BMP":
        return options
    if tags.profile and not photo.grey:
        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif.load(tags.exif)
    if tags.xmp and kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(_XMP, tags.xmp.decode("utf-8", "replace"))
    elif tags.xmp and kind == "TIFF":
        exif[_XMP_TAG] = tags.xmp
    elif tags.xmp:
        options["xmp"] = tags.xmp
    if exif:
        options["exif"] = exif
    return options
