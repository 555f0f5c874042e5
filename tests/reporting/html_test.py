"""The page is self-contained, escapes what it is given, and its pictures decode to what went in."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from tfdeblur.reporting.html import build_page, heading, paragraph, picture, table

VOID = {"meta", "img"}


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def page():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    parts = [
        heading("A & B"),
        paragraph("<script>alert(1)</script>"),
        table(["", "PSNR"], [["<b>", 14.5], ["restored", "17 & more"]]),
        picture(image, 'a "quoted" <caption>'),
    ]
    return build_page("Pages < 300 px", parts)


def test_tags_are_balanced_and_texts_survive(page):
    parser = _Parser()
    parser.feed(page)
    assert parser.open == []
    for text in ("Pages < 300 px", "A & B", "<script>alert(1)</script>", "<b>", "14.5"):
        assert text in parser.texts
    assert 'a "quoted" <caption>' in parser.texts


def test_nothing_is_injected_or_fetched(page):
    assert "<script" not in page and "<b>" not in page
    assert 'alt="a &#34;quoted&#34; &lt;caption&gt;"' in page
    assert not re.search(r"https?://|url\(|@import|<link", page)
    assert set(re.findall(r'src="([^:]+):', page)) == {"data"}


def test_picture_decodes_to_the_same_pixels(page):
    data = re.search(r'src="data:image/png;base64,([^"]+)"', page).group(1)
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    np.testing.assert_array_equal(image, np.arange(24, dtype=np.uint8).reshape(2, 4, 3))


def test_a_part_that_is_no_markup_is_escaped():
    assert "<p>&lt;b&gt;</p>" in build_page("x", [paragraph("<b>")])
    assert "\n&lt;b&gt;\n" in build_page("x", ["<b>"])


def test_table_cells():
    assert table(["a", "b"], [[1, 2]]).splitlines() == [
        "<table>",
        "<tr><th>a</th><th>b</th></tr>",
        "<tr><td>1</td><td>2</td></tr>",
        "</table>",
    ]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"must have 2 cells.*Got: \[1\]"):
        table(["a", "b"], [[1]])
    with pytest.raises(ValueError, match="uint8.*float64"):
        picture(np.zeros((2, 2, 3)), "x")
