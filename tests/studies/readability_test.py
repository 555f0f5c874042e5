import sys

import numpy as np
import pytest

from tfdeblur.data.pairs import ImagePair
from tfdeblur.studies import readability
from tfdeblur.studies.readability import character_error_rates, edit_distance, read_text

WHITE = np.full((8, 8, 3), 255, np.uint8)
BLACK = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "first, second, distance",
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("same", "same", 0),
        ("ab", "ba", 2),
    ],
)
def test_edit_distance(first, second, distance):
    assert edit_distance(first, second) == distance


def _install_reader(folder, monkeypatch, source):
    program = folder / "tesseract"
    program.write_text(f"#!{sys.executable}\n{source}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_text_is_what_the_reader_prints(tmp_path, monkeypatch):
    _install_reader(tmp_path, monkeypatch, "import sys\nprint(' two\\n words ', *sys.argv[2:])")
    assert read_text(WHITE) == "two words - --psm 6"


def test_missing_and_failing_readers_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Tesseract must be installed"):
        read_text(WHITE)
    _install_reader(tmp_path, monkeypatch, "import sys\nsys.exit('no such language')")
    with pytest.raises(RuntimeError, match="Tesseract failed: no such language"):
        read_text(WHITE)


def test_rates_sum_over_the_pages_that_count(monkeypatch):
    """50 characters of which 5 differ, and an empty page that does not count: 0.1."""
    texts = {0: "a" * 45 + "b" * 5, 255: "a" * 50, 128: ""}
    monkeypatch.setattr(readability, "read_text", lambda image: texts[int(image[0, 0, 0])])
    grey = np.full((8, 8, 3), 128, np.uint8)
    pairs = [ImagePair("page", BLACK, WHITE), ImagePair("empty", BLACK, grey)]
    systems = {"none": lambda image: image, "perfect": lambda image: WHITE}
    assert character_error_rates(pairs, systems) == ({"none": 0.1, "perfect": 0.0}, 1)
    with pytest.raises(ValueError, match="40 readable characters"):
        character_error_rates(pairs[1:], systems)
