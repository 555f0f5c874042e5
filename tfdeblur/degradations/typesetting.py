"""Typeset a sheet of text: paragraphs, headings, formulas, tables and rules, as ink."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfdeblur.degradations.page_sources import Family

GREEK = "αβγδεθλμπρστφωΓΔΘΣΩ"
_VARIABLES = "abcdfghijknmpqstuvwxyzABCDEFGKLMNPQRSTVXY"
OPERATORS = ("=", "+", "−", "<", "≤", "≈", "×", "/")


class Word(NamedTuple):
    """A piece of text drawn at once, in pixels of the sheet.

    Attributes:
      left, right: where it begins and ends.
      baseline: position of its baseline.
      size: of its font.
    """

    left: float
    right: float
    baseline: float
    size: float


def pick(rng: np.random.Generator, options):
    """Draw one element of a sequence, all equally likely."""
    return options[int(rng.integers(len(options)))]


@lru_cache(maxsize=512)
def _font(path: str, pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)


class Typesetter:
    """Fills a sheet column by column and block by block.

    Attributes:
      image: the sheet, `L`; ink is 255.
      words: the words on the sheet, in drawing order.
    """

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
        self.words: list[Word] = []

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
            self.words.append(Word(x, end, baseline, font.size))
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
        """Yield the words with citations, numbers and capitals scattered in, as in articles."""
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
            operator = f" {pick(self.rng, OPERATORS)} "
            x = self._text(x, baseline, operator, self._face("regular", of=self.symbols))
        self._term(x, baseline, 1.0)
        if self.rng.random() < 0.6:
            number = f"({self.rng.integers(1, 40)})"
            font = self._face("regular")
            self._text(right - font.getlength(number), baseline, number, font)
        return baseline + 1.6 * self.leading

    def _term(self, x: float, baseline: float, factor: float) -> float:
        greek = self.rng.random() < 0.3
        letter = pick(self.rng, GREEK if greek else _VARIABLES)
        face = self._face("italic", factor, of=self.symbols if greek else self.family)
        x = self._text(x, baseline, letter, face)
        script = self._face("regular", 0.65 * factor)
        raise_by, lower_by = 0.38 * self.pixels * factor, 0.16 * self.pixels * factor
        end = x
        if self.rng.random() < 0.4:
            end = self._text(x, baseline - raise_by, pick(self.rng, "0123kmnT"), script)
        if self.rng.random() < 0.4:
            end = max(end, self._text(x, baseline + lower_by, pick(self.rng, "0123ijkn"), script))
        return end

    def _fraction(self, x: float, baseline: float) -> float:
        axis = baseline - 0.28 * self.pixels
        end = max(
            self._term(x, axis - 0.25 * self.pixels, 0.9),
            self._term(x, axis + 0.85 * self.pixels, 0.9),
        )
        self.draw.line([(x, axis), (end, axis)], fill=255, width=max(1, round(0.05 * self.pixels)))
        return end
