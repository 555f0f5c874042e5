"""Pages in colour: documents, code, screens and posters like those of real users.

The ink comes from a typeset sheet. Grounds and inks are two pictures of the sheet's size, painted
area by area: bands, panels, table rows, labels, figures; words have their own inks. Marker and
stamps go on top. No paper has pages like these; all shares and ranges are ours.
"""

import colorsys
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfdeblur.degradations.typesetting import Typesetter, Word, pick

KINDS = {"document": 0.4, "screen": 0.22, "code": 0.13, "poster": 0.15, "plain": 0.1}
Colour = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_LUMA = np.array([0.299, 0.587, 0.114])
_MARKERS = ((255, 240, 0), (255, 255, 120), (150, 255, 120), (255, 170, 210), (130, 220, 255))
_LINK = (0, 60, 220)


def colour_sheet(rng: np.random.Generator, setter: Typesetter, kind: str) -> np.ndarray:
    """Colour a typeset sheet.

    Args:
      rng: source of every draw.
      setter: has typeset its sheet; ink is added to it and removed from it.
      kind: one of `KINDS`.

    Returns:
      `[height, width, 3]` uint8.
    """
    return _Sheet(rng, setter, kind).painted()


def draw_light(rng: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw a page's exposure, contrast and tint; one in eight is a grey scan.

    Args:
      rng: source of every draw.
      image: `[H, W, 3]` float32 in [0, 1].

    Returns:
      The image, in the same format, and the drawn parameters.
    """
    drawn = {"exposure": 1.0, "contrast": 1.0, "grey_scan": False}
    if rng.random() < 0.35:
        drawn["contrast"] = float(rng.uniform(0.35, 1.0))
        drawn["exposure"] = float(rng.uniform(0.5, 1.0)) if rng.random() < 0.5 else 1.0
        black = rng.uniform(0, 1) * (1 - drawn["contrast"])
        image = (black + drawn["contrast"] * image) * np.float32(drawn["exposure"])
    if rng.random() < 0.2:
        image = image * rng.uniform(0.8, 1.0, 3).astype(np.float32)
    if rng.random() < 0.125:
        drawn["grey_scan"] = True
        image = np.repeat((image @ _LUMA.astype(np.float32))[..., None], 3, axis=2)
    return image.astype(np.float32), drawn


class _Sheet:
    """A sheet: ground, ink and a top layer."""

    def __init__(self, rng: np.random.Generator, setter: Typesetter, kind: str):
        self.rng, self.setter, self.kind = rng, setter, kind
        self.size = setter.image.size
        self.em = setter.pixels
        self.contrast = rng.uniform(0.15, 0.6)
        paper = self._ground()
        if kind == "plain" or (kind == "document" and rng.random() < 0.4):
            paper = WHITE
        elif kind == "poster" and rng.random() < 0.7:
            paper = self._vivid()
        self.paper, self.accent = paper, self._vivid()
        self.ground = Image.new("RGB", self.size, paper)
        self.ink = Image.new("RGB", self.size, self._ink_on(paper))
        self.draw_ground, self.draw_ink = ImageDraw.Draw(self.ground), ImageDraw.Draw(self.ink)
        self.top = Image.new("RGB", self.size, WHITE)  # Multiplied in at the end.
        self.draw_top = ImageDraw.Draw(self.top)

    def painted(self) -> np.ndarray:
        """Return the sheet, `[height, width, 3]` uint8."""
        rng, words = self.rng, list(self.setter.words)
        parts: dict[str, tuple] = {
            "document": (self._band, self._table, self._figure, self._label),
            "screen": (self._panel, self._band, self._label, self._figure, self._table),
            "code": (self._line_numbers, self._selection),
            "poster": (self._band, self._panel, self._figure),
            "plain": (),
        }
        for part in parts[self.kind]:
            for _ in range(int(rng.poisson(1.2))):
                part()
        if self.kind == "code":
            self._syntax(words)
        elif words:
            self._headings(words)
            self._links(words)
            if rng.random() < 0.5:
                self._marker(words)
        sheet = self._composed()
        return self._stamped(sheet) if rng.random() < 0.15 else sheet

    def _composed(self) -> np.ndarray:
        cover = np.asarray(self.setter.image, np.float32)[..., None] / 255
        ground, ink = np.asarray(self.ground, np.float32), np.asarray(self.ink, np.float32)
        image = (ground + (ink - ground) * cover) * (np.asarray(self.top, np.float32) / 255)
        return np.rint(image).astype(np.uint8)

    # Colours.

    def _hsv(self, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
        rng = self.rng
        rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
        red, green, blue = (round(255 * channel) for channel in rgb)
        return red, green, blue

    def _vivid(self) -> Colour:
        if self.rng.random() < 0.3:  # A corner of the cube, except black and white.
            corner = int(self.rng.integers(1, 7))
            return corner % 2 * 255, corner // 2 % 2 * 255, corner // 4 * 255
        return self._hsv((0.5, 1.0), (0.3, 1.0))

    def _ground(self) -> Colour:
        chance = self.rng.random()
        if chance < 0.3:
            return WHITE if chance < 0.2 else self._hsv((0, 0.05), (0.85, 1))
        if chance < 0.55:
            return self._hsv((0.05, 0.4), (0.8, 1))
        return self._vivid() if chance < 0.72 else self._hsv((0, 0.6), (0, 0.3))

    def _ink_on(self, ground: Colour) -> Colour:
        """Draw an ink whose luminance differs from the ground's, as far as possible."""
        luma = float(np.dot(_LUMA, ground)) / 255
        for _ in range(6):
            chance = self.rng.random()
            if chance < 0.35:
                ink = BLACK if luma > 0.5 else WHITE
            elif chance < 0.6:
                ink = self._hsv((0, 0.12), (0, 1))
            else:
                ink = self._hsv((0.4, 1), (0.15, 1))
            if abs(float(np.dot(_LUMA, ink)) / 255 - luma) > self.contrast:
                return ink
        return BLACK if luma > 0.5 else WHITE

    # Places.

    def _box(self, least: float, most: float) -> tuple[float, float, float, float]:
        """Draw a box with sides in ems; it may extend beyond the sheet."""
        rng = self.rng
        width, height = (self.em * np.exp(rng.uniform(np.log(least), np.log(most), 2))).tolist()
        left = rng.uniform(-width / 2, self.size[0] - width / 2)
        top = rng.uniform(-height / 2, self.size[1] - height / 2)
        return left, top, left + width, top + height

    def _paint(self, box, ground: Colour, ink: Colour | None = None, round_: float = 0.0) -> None:
        """Give an area a ground and, unless None, an ink."""
        self.draw_ground.rounded_rectangle(box, round_, fill=ground)
        if ink is not None:
            self.draw_ink.rounded_rectangle(box, round_, fill=ink)

    def _clear(self, box) -> None:
        self.setter.draw.rectangle(box, fill=0)

    # Parts of pages.

    def _band(self) -> None:
        """Paint a band across the sheet, a column or a side, with its own ink."""
        left, top, right, bottom = self._box(1.5, 16)
        chance = self.rng.random()
        if chance < 0.5:
            left, right = 0, self.size[0]
            bottom = min(bottom, top + 6 * self.em)
        elif chance < 0.65:
            top, bottom = 0, self.size[1]
        ground = self._vivid() if self.rng.random() < 0.6 else self._ground()
        self._paint((left, top, right, bottom), ground, self._ink_on(ground))

    def _panel(self) -> None:
        """Paint a window or a card, perhaps with a title bar and an edge."""
        left, top, right, bottom = box = self._box(6, 40)
        round_ = float(pick(self.rng, (0, 0, 0.3, 0.8))) * self.em
        ground = self._ground()
        self._paint(box, ground, self._ink_on(ground), round_)
        if self.rng.random() < 0.5:
            bar = self._vivid() if self.rng.random() < 0.5 else self._ground()
            self._paint((left, top, right, top + 1.8 * self.em), bar, self._ink_on(bar), round_)
        if self.rng.random() < 0.5:
            width = max(1, round(self.rng.uniform(0.03, 0.15) * self.em))
            self.draw_ground.rounded_rectangle(box, round_, outline=self._ground(), width=width)

    def _table(self) -> None:
        """Paint a header and alternating rows, with lines if needed."""
        left, top, right, bottom = self._box(6, 30)
        row = self.setter.leading
        header, body = self._vivid(), self._ground()
        inks = self._ink_on(header), self._ink_on(body)
        red, green, blue = (int(0.9 * level) for level in body)
        other = red, green, blue
        lines = self.rng.random() < 0.5
        for number in range(max(2, int((bottom - top) / row))):
            at = top + number * row
            ground, ink = (body, inks[1]) if number % 2 else (other, inks[1])
            if number == 0:
                ground, ink = header, inks[0]
            self._paint((left, at, right, at + row), ground, ink)
            if lines:
                self.draw_ground.line([(left, at), (right, at)], fill=self.accent, width=2)

    def _label(self) -> None:
        """Paint a button or a badge with a word on it."""
        rng = self.rng
        text = pick(rng, self.setter.paragraphs).split(" ")[0][:12]
        font = self._font("bold" if rng.random() < 0.5 else "regular", rng.uniform(0.7, 1.6))
        width, height = font.getlength(text) + font.size, 1.8 * font.size
        left, top = rng.random(2) * np.maximum(0, np.subtract(self.size, (width, height)))
        box = (left, top, left + width, top + height)
        ground = self._vivid()
        self._clear(box)
        self._paint(box, ground, self._ink_on(ground), float(rng.uniform(0, 0.5)) * height)
        self.setter.draw.text(
            ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), text, 255, font, anchor="mm"
        )

    def _figure(self) -> None:
        """Paint a chart, a drawing or a soft picture, without text across it."""
        left, top, right, bottom = box = self._box(4, 18)
        self._clear(box)
        self._paint(box, self._ground(), None)
        rng, width, height = self.rng, right - left, bottom - top
        kind = pick(rng, ("bars", "discs", "lines", "swatches", "soft"))
        if kind == "bars":
            count = int(rng.integers(3, 9))
            one = self._vivid() if rng.random() < 0.5 else None
            for number in range(count):
                start, high = left + (number + 0.2) * width / count, rng.uniform(0.1, 0.9) * height
                end = start + 0.6 * width / count
                self._paint((start, bottom - high, end, bottom), one or self._vivid())
        elif kind == "discs":
            for _ in range(int(rng.integers(1, 6))):
                x, y = left + rng.uniform(0.2, 0.8) * width, top + rng.uniform(0.2, 0.8) * height
                radius = rng.uniform(0.1, 0.4) * min(width, height)
                first, last = (float(angle) for angle in rng.uniform(0, 360, 2))
                whole = rng.random() < 0.5
                self.draw_ground.pieslice(
                    (x - radius, y - radius, x + radius, y + radius),
                    0 if whole else first,
                    360 if whole else last,
                    fill=self._vivid(),
                )
        elif kind == "lines":
            for _ in range(int(rng.integers(1, 5))):
                curve = np.clip(0.5 + 0.15 * np.cumsum(rng.standard_normal(12)), 0, 1)
                line = max(1, round(rng.uniform(0.05, 0.3) * self.em))
                across = np.linspace(left, right, 12).tolist()
                points = list(zip(across, (top + height * curve).tolist(), strict=True))
                self.draw_ground.line(points, fill=self._vivid(), width=line)
        elif kind == "swatches":
            columns, rows = (int(count) for count in rng.integers(1, 5, 2))
            for number in range(columns * rows):
                x = left + number % columns * width / columns
                y = top + number // columns * height / rows
                cell = (x, y, x + width / columns, y + height / rows)
                self._paint(cell, self._vivid() if rng.random() < 0.6 else self._ground())
        else:
            seeds = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
            sides = max(1, int(width)), max(1, int(height))
            soft = Image.fromarray(seeds).resize(sides, Image.Resampling.BICUBIC)
            self.ground.paste(soft, (int(left), int(top)))

    def _line_numbers(self) -> None:
        self._paint((0, 0, 3 * self.em, self.size[1]), self._ground(), None)

    def _selection(self) -> None:
        """Paint the cursor's line or a selection; inks stay unchanged."""
        top = self.rng.uniform(0, self.size[1])
        ground = self._hsv((0.1, 0.6), (0.2, 1))
        lines = int(self.rng.integers(1, 4))
        self._paint((0, top, self.size[0], top + lines * self.setter.leading), ground)

    # Words.

    def _word_box(self, word: Word) -> tuple[float, float, float, float]:
        above, below = word.baseline - 0.95 * word.size, word.baseline + 0.3 * word.size
        return word.left, above, word.right, below

    def _syntax(self, words: list[Word]) -> None:
        inks = [self._ink_on(self.paper) for _ in range(int(self.rng.integers(3, 7)))]
        for word in words:
            if self.rng.random() < 0.6:
                self.draw_ink.rectangle(self._word_box(word), fill=pick(self.rng, inks))

    def _headings(self, words: list[Word]) -> None:
        if self.rng.random() < 0.6:
            for word in words:
                if word.size > 1.08 * self.em:
                    self.draw_ink.rectangle(self._word_box(word), fill=self.accent)

    def _links(self, words: list[Word]) -> None:
        share = self.rng.uniform(0, 0.15)
        colour = _LINK if self.rng.random() < 0.5 else self._vivid()
        underlined = self.rng.random() < 0.5
        for word in words:
            if self.rng.random() < share:
                box = self._word_box(word)
                self.draw_ink.rectangle(box, fill=colour)
                if underlined:
                    at = word.baseline + 0.12 * word.size
                    width = max(1, round(0.06 * word.size))
                    self.setter.draw.line([(box[0], at), (box[2], at)], fill=255, width=width)

    def _marker(self, words: list[Word]) -> None:
        """Run a translucent marker over some words of a line."""
        marker = pick(self.rng, _MARKERS)
        for _ in range(int(self.rng.integers(1, 8))):
            first = int(self.rng.integers(len(words)))
            run = words[first : first + int(self.rng.integers(1, 9))]
            line = [word for word in run if word.baseline == run[0].baseline]
            left, top, _, bottom = self._word_box(line[0])
            loose = self.rng.uniform(-0.15, 0.15, 3) * self.em
            box = (left + loose[0], top + loose[1], line[-1].right, bottom + loose[2])
            if box[0] < box[2]:
                self.draw_top.rectangle(box, fill=marker)

    # On top.

    def _font(self, style: str, factor: float) -> ImageFont.FreeTypeFont:
        path = str(self.setter.family.file(style))
        return ImageFont.truetype(
            path, max(6, round(factor * self.em)), layout_engine=ImageFont.Layout.BASIC
        )

    def _stamped(self, sheet: np.ndarray) -> np.ndarray:
        """Stamp a framed word, rotated and half transparent."""
        rng = self.rng
        font = self._font("bold", rng.uniform(1.2, 3.0))
        text = pick(rng, self.setter.paragraphs).split(" ")[0][:10].upper()
        width, height = int(font.getlength(text) + font.size), int(1.7 * font.size)
        stamp = Image.new("L", (width, height), 0)
        draw = ImageDraw.Draw(stamp)
        line = max(2, int(font.size // 10))
        draw.rectangle((1, 1, width - 2, height - 2), outline=255, width=line)
        draw.text((width / 2, height / 2), text, 255, font, anchor="mm")
        stamp = stamp.rotate(float(rng.uniform(-40, 40)), Image.Resampling.BICUBIC, expand=True)
        room = [max(1, a - b) for a, b in zip(self.size, stamp.size, strict=True)]
        left, top = (int(rng.integers(most)) for most in room)
        mask = Image.new("L", self.size, 0)
        mask.paste(stamp, (left, top))
        share = np.asarray(mask, np.float32)[..., None] / 255 * np.float32(rng.uniform(0.5, 0.95))
        colour = np.array(self._vivid(), np.float32)
        return np.rint(sheet * (1 - share + share * colour / 255)).astype(np.uint8)
