"""Pages of text, rendered: paragraphs, headings, formulas, tables and rules on lit paper.

A page is typeset at twice its resolution and reduced by averaging 2 x 2 pixels, as Hradiš et al.
(BMVC 2015) render documents at 240-300 DPI and halve them. Every page is a window into a larger
sheet: its lines may run over all four edges.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfdeblur.degradations.page_sources import Family, families, symbol_family, texts

SUPERSAMPLING = 2
POINT_SIZES = (9.0, 26.0)
DPI = (110.0, 150.0)
ROTATION_MAX = 5.0  # Degrees.
DOMAINS = ("print", "dark_mode")
GREEK = "αβγδεθλμπρστφωΓΔΘΣΩ"
_VARIABLES = "abcdfghijknmpqstuvwxyzABCDEFGKLMNPQRSTVXY"
OPERATORS = ("=", "+", "−", "<", "≤", "≈", "×", "/")


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
      domain: `print` (dark ink on light paper) or `dark_mode` (light text on a dark screen).

    Raises:
      ValueError: an argument is outside its range, or a source file is damaged.
    """
    height, width = size
    if min(size) < 32:
        raise ValueError(f"`size` must be at least 32x32. Got: {height}x{width}.")
    if domain not in DOMAINS:
        raise ValueError(f"`domain` must be one of {DOMAINS}. Got: {domain!r}.")
    family = _pick(rng, families(split))
    small, large = np.log(POINT_SIZES)
    # Squaring favours the small sizes of documents over headlines.
    points = float(np.exp(small + (large - small) * rng.random() ** 2))
    dpi = float(rng.uniform(*DPI))
    angle = float(np.clip(rng.normal(0.0, 1.5), -ROTATION_MAX, ROTATION_MAX))
    spacing = float(rng.uniform(1.1, 1.7))
    margin = int(np.ceil(max(size) * np.tan(np.radians(ROTATION_MAX)))) + 2
    sheet = _Typesetter(
        rng,
        family,
        symbol_family(split),
        pixels=points * dpi / 72 * SUPERSAMPLING,
        spacing=spacing,
        size=((height + 2 * margin) * SUPERSAMPLING, (width + 2 * margin) * SUPERSAMPLING),
        paragraphs=_pick(rng, texts(split)),
    ).typeset()
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


def _pick(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def _rotate_and_reduce(sheet: np.ndarray, size: tuple[int, int], angle: float) -> np.ndarray:
    """Turn the sheet about its centre and return its middle, reduced: `[H, W]` ink in [0, 1]."""
    height, width = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
    turn = cv2.getRotationMatrix2D((sheet.shape[1] / 2, sheet.shape[0] / 2), angle, 1.0)
    turn[0, 2] -= (sheet.shape[1] - width) / 2
    turn[1, 2] -= (sheet.shape[0] - height) / 2
    turned = cv2.warpAffine(sheet, turn, (width, height), flags=cv2.INTER_CUBIC)
    blocks = turned.astype(np.float32).reshape(size[0], SUPERSAMPLING, size[1], SUPERSAMPLING)
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


def _illumination(shape: tuple[int, ...], shade: float, direction: float) -> np.ndarray:
    """Return light that falls off linearly from 1 to 1 - shade across the page."""
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None, :]
    ramp = (rows * np.sin(direction) + columns * np.cos(direction)) / np.sqrt(2)
    return 1.0 - shade * (ramp + 1) / 2


@lru_cache(maxsize=512)
def _font(path: str, pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)


class _Typesetter:
    """Fills one sheet, column by column, block by block."""

    def __init__(
        self,
        rng: np.random.Generator,
        family: Family,
        symbols: Family,
        pixels: float,
        spacing: float,
        size: tuple[int, int],
        paragraphs: tuple[str, ...],
    ):
        self.rng = rng
        self.family = family
        self.symbols = symbols
        self.pixels = pixels
        self.leading = pixels * spacing
        self.height, self.width = size
        self.paragraphs = paragraphs
        self.next_paragraph = int(rng.integers(len(paragraphs)))
        self.justified = rng.random() < 0.6
        self.body = "italic" if rng.random() < 0.1 else "bold" if rng.random() < 0.1 else "regular"
        self.image = Image.new("L", (self.width, self.height), 0)
        self.draw = ImageDraw.Draw(self.image)

    def typeset(self) -> np.ndarray:
        """Return `[height, width]` uint8, the ink."""
        rng = self.rng
        column = rng.uniform(14, 34) * self.pixels  # Column width in multiples of the em.
        gutter = rng.uniform(1.0, 3.0) * self.pixels
        left = rng.uniform(-0.8, 0.25) * min(column, self.width)
        while left < self.width:
            self._fill_column(left, left + column)
            left += column + gutter
        return np.asarray(self.image)

    def _fill_column(self, left: float, right: float) -> None:
        blocks = (self._paragraph, self._heading, self._formula, self._rule, self._table)
        shares = (0.72, 0.08, 0.1, 0.05, 0.05)
        baseline = self.rng.uniform(-1.0, 1.0) * self.leading
        while baseline < self.height + self.leading:
            block = blocks[int(self.rng.choice(len(blocks), p=shares))]
            baseline = block(left, right, baseline)
            if self.rng.random() < 0.3:
                baseline += self.rng.uniform(0.2, 1.0) * self.leading

    def _text(self, x: float, baseline: float, text: str, font: ImageFont.FreeTypeFont) -> float:
        """Draw from the left end of the baseline; return where the text ends."""
        end = x + font.getlength(text)
        if end > 0 and x < self.width:
            self.draw.text((x, baseline), text, fill=255, font=font, anchor="ls")
        return end

    def _face(
        self, style: str, factor: float = 1.0, of: Family | None = None
    ) -> ImageFont.FreeTypeFont:
        family = of or self.family
        return _font(str(family.file(style)), max(4, round(self.pixels * factor)))

    def _paragraph(self, left: float, right: float, baseline: float) -> float:
        words = self.paragraphs[self.next_paragraph % len(self.paragraphs)].split(" ")
        self.next_paragraph += 1
        font = self._face(self.body)
        space = font.getlength(" ")
        start = left + (self.rng.random() < 0.5) * 1.5 * self.pixels
        line: list[str] = []
        used = 0.0
        for word in self._annotated(words):
            length = font.getlength(word)
            if line and start + used + space + length > right:
                gap = (right - start - used) / max(len(line) - 1, 1) if self.justified else 0.0
                self._line(start, baseline, line, font, space + gap)
                baseline += self.leading
                if baseline > self.height + self.leading:
                    return baseline
                start, line, used = left, [], 0.0
            used += length + (space if line else 0.0)
            line.append(word)
        self._line(start, baseline, line, font, space)
        return baseline + self.leading

    def _annotated(self, words):
        """Yield the words with citations, numbers and capitals strewn in, as in articles."""
        for word in words:
            chance = self.rng.random()
            yield word.upper() if chance > 0.985 else word
            if chance < 0.015:
                yield f"[{self.rng.integers(1, 60)}]"
            elif chance < 0.03:
                yield f"{self.rng.uniform(0, 1000):.{self.rng.integers(0, 4)}f}"
            elif chance < 0.038:
                yield f"({self.rng.integers(1950, 2020)})"

    def _line(self, x: float, baseline: float, words: list[str], font, space: float) -> None:
        for word in words:
            x = self._text(x, baseline, word, font) + space

    def _heading(self, left: float, right: float, baseline: float) -> float:
        factor = self.rng.uniform(1.1, 1.8)
        words = self.paragraphs[self.next_paragraph % len(self.paragraphs)].split(" ")
        title = " ".join(words[: int(self.rng.integers(1, 6))])
        if self.rng.random() < 0.5:
            title = f"{self.rng.integers(1, 10)}.{self.rng.integers(1, 10)} {title}"
        if self.rng.random() < 0.2:
            title = title.upper()
        font = self._face("bold", factor)
        while " " in title and left + font.getlength(title) > right:
            title = title.rpartition(" ")[0]
        baseline += self.leading * 0.3
        self._text(left, baseline, title, font)
        return baseline + self.leading * 1.2

    def _rule(self, left: float, right: float, baseline: float) -> float:
        thickness = max(1, round(self.pixels * self.rng.uniform(0.03, 0.12)))
        self.draw.line([(left, baseline), (right, baseline)], fill=255, width=thickness)
        return baseline + self.leading

    def _table(self, left: float, right: float, baseline: float) -> float:
        rows, columns = int(self.rng.integers(2, 6)), int(self.rng.integers(2, 6))
        font = self._face(self.body, 0.9)
        digits = int(self.rng.integers(0, 4))
        framed = self.rng.random() < 0.5
        cell = (right - left) / columns
        for _ in range(rows):
            for column in range(columns):
                number = f"{self.rng.normal(0, 50):.{digits}f}"
                self._text(left + (column + 0.15) * cell, baseline, number, font)
            if framed:
                below = baseline + 0.3 * self.leading
                self.draw.line([(left, below), (right, below)], fill=255, width=2)
            baseline += self.leading
        return baseline + 0.5 * self.leading

    def _formula(self, left: float, right: float, baseline: float) -> float:
        """Set a displayed formula: terms with sub- and superscripts, fractions, operators."""
        baseline += 0.6 * self.leading
        x = left + self.rng.uniform(0.05, 0.35) * (right - left)
        for _ in range(int(self.rng.integers(2, 6))):
            fraction = self.rng.random() < 0.25
            x = self._fraction(x, baseline) if fraction else self._term(x, baseline, 1.0)
            operator = f" {_pick(self.rng, OPERATORS)} "
            x = self._text(x, baseline, operator, self._face("regular", of=self.symbols))
        self._term(x, baseline, 1.0)
        if self.rng.random() < 0.6:
            number = f"({self.rng.integers(1, 40)})"
            font = self._face("regular")
            self._text(right - font.getlength(number), baseline, number, font)
        return baseline + 1.6 * self.leading

    def _term(self, x: float, baseline: float, factor: float) -> float:
        greek = self.rng.random() < 0.3
        letter = _pick(self.rng, GREEK if greek else _VARIABLES)
        face = self._face("italic", factor, of=self.symbols if greek else self.family)
        x = self._text(x, baseline, letter, face)
        script = self._face("regular", 0.65 * factor)
        raise_by, lower_by = 0.38 * self.pixels * factor, 0.16 * self.pixels * factor
        end = x
        if self.rng.random() < 0.4:
            end = self._text(x, baseline - raise_by, _pick(self.rng, "0123kmnT"), script)
        if self.rng.random() < 0.4:
            end = max(end, self._text(x, baseline + lower_by, _pick(self.rng, "0123ijkn"), script))
        return end

    def _fraction(self, x: float, baseline: float) -> float:
        axis = baseline - 0.28 * self.pixels
        end = max(
            self._term(x, axis - 0.25 * self.pixels, 0.9),
            self._term(x, axis + 0.85 * self.pixels, 0.9),
        )
        self.draw.line([(x, axis), (end, axis)], fill=255, width=max(1, round(0.05 * self.pixels)))
        return end
