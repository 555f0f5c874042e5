"""Rendered pages of text: paragraphs, headings, formulas, tables and rules on lit paper.

A page is typeset at twice its resolution and reduced by averaging 2 x 2 pixels, as Hradiš et al.
(BMVC 2015) render documents at 240-300 DPI and halve them. Every page is a window into a larger
sheet, so its lines may run over all four edges.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tfdeblur.degradations.colour_pages import KINDS, colour_sheet, draw_light
from tfdeblur.degradations.page_sources import families, symbol_family, texts
from tfdeblur.degradations.typesetting import Typesetter, pick

SUPERSAMPLING = 2
POINT_SIZES = (9.0, 26.0)
DPI = (110.0, 150.0)
ROTATION_MAX = 5.0  # Degrees.
COLOUR = "colour"
DOMAINS = ("print", "dark_mode", COLOUR)


@dataclass(frozen=True)
class Page:
    """A rendered page.

    Attributes:
      image: `[H, W, 3]` float32 in [0, 1], RGB.
      drawn: the drawn parameters, JSON scalars by name.
    """

    image: np.ndarray
    drawn: dict[str, Any]


def render_page(
    rng: np.random.Generator, split: str, size: tuple[int, int], domain: str = "print"
) -> Page:
    """Render one page with the fonts and texts of a split.

    Args:
      rng: source of every draw.
      split: `train`, `validation` or `test`; families and texts never cross splits.
      size: (height, width) in pixels, each at least 32.
      domain: `print` (dark ink on light paper), `dark_mode` (light text on a dark screen) or
        `colour` (see `colour_pages`).

    Raises:
      ValueError: an argument is outside its range, or a source file is damaged.
    """
    height, width = size
    if min(size) < 32:
        raise ValueError(f"`size` must be at least 32x32. Got: {height}x{width}.")
    if domain not in DOMAINS:
        raise ValueError(f"`domain` must be one of {DOMAINS}. Got: {domain!r}.")
    family = pick(rng, families(split))
    small, large = np.log(POINT_SIZES)
    # Squaring favours the small font sizes of documents over those of headlines.
    points = float(np.exp(small + (large - small) * rng.random() ** 2))
    dpi = float(rng.uniform(*DPI))
    angle = float(np.clip(rng.normal(0.0, 1.5), -ROTATION_MAX, ROTATION_MAX))
    spacing = float(rng.uniform(1.1, 1.7))
    margin = int(np.ceil(max(size) * np.tan(np.radians(ROTATION_MAX)))) + 2
    setter = Typesetter(
        rng,
        family,
        symbol_family(split),
        pixels=points * dpi / 72 * SUPERSAMPLING,
        spacing=spacing,
        size=((height + 2 * margin) * SUPERSAMPLING, (width + 2 * margin) * SUPERSAMPLING),
        paragraphs=pick(rng, texts(split)),
    )
    sheet = setter.typeset()
    if domain == COLOUR:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        angle = 0.0 if kind in ("screen", "code") else angle
        image = _rotate_and_reduce(colour_sheet(rng, setter, kind), size, angle)
        image, colours = _photograph(rng, image)
        colours["kind"] = kind
    else:
        ink = _rotate_and_reduce(sheet, size, angle)
        image, colours = _print_on_paper(rng, ink, domain)
    drawn = {
        "font_family": family.name,
        "font_points": points,
        "dpi": dpi,
        "rotation_degrees": angle,
        "line_spacing": spacing,
        "domain": domain,
        **colours,
    }
    return Page(image, drawn)


def _rotate_and_reduce(sheet: np.ndarray, size: tuple[int, int], angle: float) -> np.ndarray:
    """Rotate the sheet about its centre and return its middle, reduced: float32 in [0, 1].

    A sheet of ink gives `[H, W]`, a colour sheet `[H, W, 3]`.
    """
    height, width = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
    turn = cv2.getRotationMatrix2D((sheet.shape[1] / 2, sheet.shape[0] / 2), angle, 1.0)
    turn[0, 2] -= (sheet.shape[1] - width) / 2
    turn[1, 2] -= (sheet.shape[0] - height) / 2
    turned = cv2.warpAffine(sheet, turn, (width, height), flags=cv2.INTER_CUBIC)
    blocks = turned.astype(np.float32).reshape(
        size[0], SUPERSAMPLING, size[1], SUPERSAMPLING, *sheet.shape[2:]
    )
    return blocks.mean(axis=(1, 3)) / 255.0


def _print_on_paper(
    rng: np.random.Generator, ink: np.ndarray, domain: str
) -> tuple[np.ndarray, dict[str, float]]:
    """Colour `[H, W]` ink: `[H, W, 3]` in [0, 1], half of the pages plain black on white."""
    plain = rng.random() < 0.5
    paper_level = 1.0 if plain else rng.uniform(0.7, 1.0)
    ink_level = 0.0 if plain else rng.uniform(0.0, 0.35)
    tint = 0.0 if plain else 0.03
    paper = np.clip(paper_level + tint * rng.standard_normal(3), 0, 1)
    letters = np.clip(ink_level + tint * rng.standard_normal(3), 0, 1)
    if domain == "dark_mode":
        paper, letters = 1.0 - paper, 1.0 - letters
    shade = 0.0 if plain else float(rng.uniform(0.0, 0.3))
    light = _illumination(ink.shape, shade, float(rng.uniform(0, 2 * np.pi)))
    coverage = ink[..., None]
    image = (paper * (1 - coverage) + letters * coverage) * light[..., None]
    drawn = {"paper": float(paper.mean()), "ink": float(letters.mean()), "shade": shade}
    return image.astype(np.float32), drawn


def _photograph(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Light a page in colour: apply `draw_light`, and shade a third of the pages."""
    shade = float(rng.uniform(0.0, 0.3)) if rng.random() < 1 / 3 else 0.0
    light = _illumination(image.shape[:2], shade, float(rng.uniform(0, 2 * np.pi)))
    image, drawn = draw_light(rng, image * light[..., None].astype(np.float32))
    return image, {**drawn, "shade": shade}


def _illumination(shape: tuple[int, ...], shade: float, direction: float) -> np.ndarray:
    """Return light that falls off linearly from 1 to 1 - shade across the page."""
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None, :]
    ramp = (rows * np.sin(direction) + columns * np.cos(direction)) / np.sqrt(2)
    return 1.0 - shade * (ramp + 1) / 2
