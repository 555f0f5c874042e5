"""Contact sheets: captioned images side by side, in numpy and Pillow.

Pixels are shown unchanged: large pictures are cropped around their centre and small ones enlarged
by an integer factor without interpolation; nothing is resampled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MARGIN = 8  # px around and between cells
LINE_HEIGHT = 20  # px
FONT_SIZE = 14  # px
PAPER = 238  # A light grey, so that the edges of white pages show.
INK = 24


class Picture(NamedTuple):
    """An image `[H, W, 3] uint8` and its caption, which may have several lines."""

    image: np.ndarray
    caption: str


def contact_sheet(
    rows: Sequence[Sequence[Picture]], *, smallest: int = 160, largest: int = 480
) -> np.ndarray:
    """Arrange captioned pictures in a grid.

    Args:
      rows: at least one row with at least one picture; rows may differ in length.
      smallest: if no picture has a side of this many pixels, all are enlarged by the smallest
        common integer factor that gives the longest side at least as many.
      largest: longer sides are cropped around the centre to this many pixels.

    Returns:
      `[H, W, 3] uint8`; every cell is as large as the largest picture, and pictures are at the top
      left of their cells.

    Raises:
      ValueError: there is no picture, or one is not `[H, W, 3] uint8`.
    """
    pictures = [picture for row in rows for picture in row]
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture. Got: none.")
    for picture in pictures:
        _check(picture)
    longest = max(max(picture.image.shape[:2]) for picture in pictures)
    factor = max(1, -(-smallest // longest))
    images = [[_fit(picture.image, factor, largest) for picture in row] for row in rows]
    cell_height = max(image.shape[0] for row in images for image in row)
    cell_width = max(image.shape[1] for row in images for image in row)
    lines = max(1 + picture.caption.count("\n") for picture in pictures)
    step_y = cell_height + lines * LINE_HEIGHT + MARGIN
    step_x = cell_width + MARGIN
    columns = max(len(row) for row in rows)
    size = (columns * step_x + MARGIN, len(rows) * step_y + MARGIN)
    sheet = Image.new("RGB", size, (PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    for y, (row, row_images) in enumerate(zip(rows, images, strict=True)):
        for x, (picture, image) in enumerate(zip(row, row_images, strict=True)):
            corner = (MARGIN + x * step_x, MARGIN + y * step_y)
            sheet.paste(Image.fromarray(image), corner)
            _write(draw, (corner[0], corner[1] + cell_height + 2), picture.caption, cell_width)
    return np.asarray(sheet)


def _check(picture: Picture) -> None:
    image = picture.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"the picture {picture.caption!r} must be [H, W, 3] uint8. "
            f"Got: {image.shape} {image.dtype}."
        )


def _fit(image: np.ndarray, factor: int, largest: int) -> np.ndarray:
    enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
    top, left = (max(0, (side - largest) // 2) for side in enlarged.shape[:2])
    return np.ascontiguousarray(enlarged[top : top + largest, left : left + largest])


def _write(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, width: int) -> None:
    font = ImageFont.load_default(size=FONT_SIZE)
    for number, line in enumerate(text.split("\n")):
        position = (corner[0], corner[1] + number * LINE_HEIGHT)
        draw.text(position, _shorten(line, font, width), fill=(INK,) * 3, font=font)


def _shorten(line: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Shorten `line` to at most `width` pixels, ending with three dots if anything was cut."""
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line + "..." if line else ""
