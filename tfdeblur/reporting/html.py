"""Self-contained HTML pages of text, tables and pictures that load nothing from elsewhere.

The functions below return markup and escape all text arguments. `build_page` joins their results:

    page = build_page("Results", [paragraph("On 64 pages."), table(["", "PSNR"], rows)])
"""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from string import Template

import numpy as np
from PIL import Image

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; border: 1px solid #ccc; }
figcaption { color: #555; }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def build_page(title: str, parts: Iterable[str]) -> str:
    """Return a full page with `title` (text) above `parts` (markup from the functions below)."""
    return _PAGE.substitute(title=escape(title), body="\n".join(parts))


def heading(text: str) -> str:
    """Return a section heading."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def table(headers: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; cells are converted with `str` and escaped.

    Raises:
      ValueError: a row has more or fewer cells than `headers`.
    """
    lines = ["<table>", _table_row("th", headers)]
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(
                f"a table row must have {len(headers)} cells, as `headers` has. Got: {list(row)}."
            )
        lines.append(_table_row("td", row))
    return "\n".join([*lines, "</table>"])


def _table_row(tag: str, cells: Sequence[object]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def picture(image: np.ndarray, caption: str) -> str:
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
    data = base64.b64encode(png.getvalue()).decode("ascii")
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )
