"""Self-contained HTML pages of text, tables and pictures that load nothing from elsewhere.

The functions below fill the macros of page.html.jinja, which escape all text. `build_page` joins
their results:

    page = build_page("Results", [paragraph("On 64 pages."), table(["", "PSNR"], rows)])
"""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from PIL import Image

_ENVIRONMENT = Environment(
    loader=PackageLoader("tfdeblur.reporting", "."), autoescape=True, trim_blocks=True
)
_MACROS: Any = _ENVIRONMENT.get_template("page.html.jinja").module


def build_page(title: str, parts: Iterable[Markup]) -> str:
    """Return a full page with `title` (text) above `parts` (markup from the functions below)."""
    return _MACROS.page(title, parts)


def heading(text: str) -> Markup:
    """Return a section heading."""
    return _MACROS.heading(text)


def paragraph(text: str) -> Markup:
    """Return a paragraph."""
    return _MACROS.paragraph(text)


def table(headers: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table; cells are converted with `str`.

    Raises:
      ValueError: a row has more or fewer cells than `headers`.
    """
    rows = list(rows)
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(
                f"a table row must have {len(headers)} cells, as `headers` has. Got: {list(row)}."
            )
    return _MACROS.table(headers, rows)


def picture(image: np.ndarray, caption: str) -> Markup:
    """Return a figure with the image embedded as PNG; `caption` is also its alternative text.

    Args:
      image: `[H, W, 3] uint8`.
      caption: the text under it.

    Raises:
      ValueError: the image has another shape or dtype.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"`image` must be [H, W, 3] uint8. Got: {image.shape} {image.dtype}.")
    png = io.BytesIO()
    Image.fromarray(image).save(png, "PNG", optimize=True)
    return _MACROS.picture(base64.b64encode(png.getvalue()).decode("ascii"), caption)
