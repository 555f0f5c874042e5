import sys

import numpy as np
import pytest

from tfdeblur.data.pairs import ImagePair
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.studies.readability import character_error_rates, make_reader

WHITE = np.full((8, 8, 3), 255, np.uint8)
BLACK = np.zeros((8, 8, 3), np.uint8)
SAME = "a" * 40


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
def test_errors_are_insertions_deletions_and_substitutions(first, second, distance):
    texts = {255: SAME + first, 0: SAME + second}
    rates, _ = character_error_rates(
        [ImagePair("page", BLACK, WHITE)],
        {"none": lambda image: image},
        lambda image: texts[int(image[0, 0, 0])],
    )
    assert rates == {"none": distance / len(SAME + first)}


def _install_reader(folder, monkeypatch, source):
    program = folder / "tesseract"
    program.write_text(f"#!{sys.executable}\n{source}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_text_is_what_the_reader_prints(tmp_path, monkeypatch):
    _install_reader(tmp_path, monkeypatch, "import sys\nprint(' two\\n words ', *sys.argv[2:])")
    assert make_reader("tesseract")(WHITE) == "two words - --psm 6"


def test_missing_and_failing_readers_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Tesseract must be installed"):
        make_reader("tesseract")(WHITE)
    _install_reader(tmp_path, monkeypatch, "import sys\nsys.exit('no such language')")
    with pytest.raises(RuntimeError, match="Tesseract failed: no such language"):
        make_reader("tesseract")(WHITE)


def test_rapidocr_reads_what_is_drawn():
    """With the models in its wheel; an empty page holds no text."""
    read = make_reader("rapidocr")
    page = TextRecipe(patch_size=200, patches_per_page=1, noise_max=0.0).pair(5, 0, "test").target
    assert "the election 382" in read(page)
    assert read(np.full((200, 200, 3), 255, np.uint8)) == ""


@pytest.mark.parametrize("missing", ["rapidocr", "onnxruntime"])
def test_a_missing_extra_is_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    message = rf"needs the extra `ocr` \({missing} is missing\): pip install .*\[ocr\]"
    with pytest.raises(ModuleNotFoundError, match=message):
        make_reader("rapidocr")


def test_distances_need_the_extra_before_anything_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs the extra `ocr` \(rapidfuzz"):
        character_error_rates(iter([None]), {}, lambda image: "")


def test_an_unknown_reader_is_refused():
    with pytest.raises(ValueError, match="`reader` must be tesseract or rapidocr. Got: 'eyes'."):
        make_reader("eyes")


def test_rates_sum_over_the_pages_that_count():
    """50 characters of which 5 differ, and an empty page that does not count: 0.1."""
    texts = {0: "a" * 45 + "b" * 5, 255: "a" * 50, 128: ""}

    def read(image):
        return texts[int(image[0, 0, 0])]

    grey = np.full((8, 8, 3), 128, np.uint8)
    pairs = [ImagePair("page", BLACK, WHITE), ImagePair("empty", BLACK, grey)]
    systems = {"none": lambda image: image, "perfect": lambda image: WHITE}
    assert character_error_rates(pairs, systems, read) == ({"none": 0.1, "perfect": 0.0}, 1)
    with pytest.raises(ValueError, match="40 readable characters"):
        character_error_rates(pairs[1:], systems, read)
