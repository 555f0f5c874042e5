"""Facts in an image file's header that other programs may interpret differently."""

import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageCms

_ORIENTATION = 274  # EXIF tag
_UNUSUAL = {
    "I": "16-bit grey",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "P": "a palette",
    "1": "one bit a pixel",
    "CMYK": "CMYK",
    "YCCK": "CMYK",
}


class Oddity(NamedTuple):
    """Severity, kind, rule and received value; see `findings.Finding`."""

    severity: str
    kind: str
    rule: str
    got: str


def find_oddities(path: Path) -> list[Oddity]:
    """Check the colour profile, EXIF orientation and mode of an image file.

    Raises:
      OSError, ValueError: the header cannot be read.
    """
    found: list[Oddity] = []
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        profile = image.info.get("icc_profile")
        if profile and not (name := _profile_name(profile)).startswith("sRGB"):
            rule = "The colours should be sRGB: readers without colour management see others."
            found.append(Oddity("warning", "colour_profile", rule, f"the profile {name!r}"))
        orientation = image.getexif().get(_ORIENTATION, 1)
        if orientation not in (0, 1):
            rule = "Pixels should be stored upright: some readers ignore the EXIF orientation."
            found.append(Oddity("warning", "orientation", rule, f"orientation {orientation}"))
        mode = _UNUSUAL.get(image.mode, "")
        if mode:
            found.append(Oddity("note", "mode", "Images are read as 8-bit RGB.", mode))
        if image.has_transparency_data:
            rule = "Transparent parts are laid on white paper."
            found.append(Oddity("note", "transparency", rule, f"mode {image.mode}"))
    return found


def _profile_name(profile: bytes) -> str:
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError) as error:
        return f"unreadable: {error}"
