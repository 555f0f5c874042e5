import itertools
import json
import shutil

import numpy as np
import pytest
from PIL import ImageFont

from tfdeblur.degradations import page_sources, pages, typesetting
from tfdeblur.degradations.page_sources import SPLITS, families, source_hashes, texts
from tfdeblur.degradations.pages import render_page


def render(seed=0, split="train", size=(64, 96), domain="print"):
    return render_page(np.random.default_rng(seed), split, size, domain)


def test_splits_share_no_family_file_or_paragraph():
    for first, second in itertools.combinations(SPLITS, 2):
        names = [{family.name for family in families(split)} for split in (first, second)]
        files = [
            {file for family in families(split) for file in family.files.values()}
            for split in (first, second)
        ]
        paragraphs = [set(itertools.chain(*texts(split))) for split in (first, second)]
        for one, other in (names, files, paragraphs):
            assert one
            assert other
            assert not one & other


@pytest.mark.parametrize("split", SPLITS)
def test_symbols_of_formulas_are_in_their_family(split):
    for path in page_sources.symbol_family(split).files.values():
        font = ImageFont.truetype(str(path), 40)
        missing = bytes(font.getmask("\ufffe"))
        for character in typesetting.GREEK + "".join(typesetting.OPERATORS):
            assert bytes(font.getmask(character)) != missing, f"{path.name} lacks {character}"


def test_every_source_file_is_listed_with_its_terms():
    sources = json.loads((page_sources.FOLDER / "sources.json").read_text("utf-8"))
    entries = [*sources["fonts"], *sources["texts"]]
    listed = {entry["file"] for entry in entries}
    there = {
        path.relative_to(page_sources.FOLDER).as_posix()
        for folder in ("fonts", "texts")
        for path in (page_sources.FOLDER / folder).iterdir()
    }
    assert listed == there == source_hashes().keys()
    for entry in entries:
        assert entry["license"]
        assert (page_sources.FOLDER / entry["terms"]).stat().st_size > 100


@pytest.mark.parametrize(
    ("read", "file"),
    [(families, "fonts/OldStandard-Italic.ttf"), (texts, "texts/us_constitution.txt")],
)
def test_damaged_sources_are_refused(monkeypatch, tmp_path, read, file):
    shutil.copytree(page_sources.FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(page_sources, "FOLDER", tmp_path)
    assert read.__wrapped__("test")
    with open(tmp_path / file, "ab") as handle:
        handle.write(b"\n")
    with pytest.raises(ValueError, match=f"{file} must have the SHA-256 {source_hashes()[file]}"):
        read.__wrapped__("test")


@pytest.mark.parametrize("split", SPLITS)
def test_page_uses_the_split_that_is_asked_for(split):
    names = {render(seed, split).drawn["font_family"] for seed in range(8)}
    assert len(names) > 1
    assert names <= {family.name for family in families(split)}


def test_page_is_lit_ink_on_paper():
    page = render(size=(120, 97))
    assert page.image.shape == (120, 97, 3)
    assert page.image.dtype == np.float32
    assert page.image.min() >= 0
    assert page.image.max() <= 1
    assert page.image.std() > 0.1
    assert np.median(page.image) > 0.5


def test_page_depends_on_the_generator_alone():
    np.random.seed(0)
    first = render(5)
    np.random.seed(1)
    again = render(5)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.drawn == again.drawn
    assert not np.array_equal(first.image, render(6).image)


def test_dark_mode_is_light_on_dark():
    for seed in range(5):
        page = render(seed, domain="dark_mode")
        assert page.drawn["domain"] == "dark_mode"
        assert page.drawn["paper"] < page.drawn["ink"]
        assert np.median(page.image) < 0.5


def test_drawn_values_are_json_in_their_ranges():
    for seed in range(20):
        drawn = json.loads(json.dumps(render(seed, size=(32, 32)).drawn))
        assert 9 <= drawn["font_points"] <= 26
        assert 110 <= drawn["dpi"] <= 150
        assert abs(drawn["rotation_degrees"]) <= 5
        assert 1.1 <= drawn["line_spacing"] <= 1.7
        assert 0 <= drawn["shade"] <= 0.3
        assert drawn["ink"] < drawn["paper"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (31, 64)}, "`size` must be at least 32x32. Got: 31x64"),
        ({"domain": "neon"}, "`domain` must be one of .*'dark_mode', 'colour'.*Got: 'neon'"),
        ({"split": "dev"}, "`split` must be one of .* Got: 'dev'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        render(**arguments)


def test_unturned_page_is_the_middle_of_the_sheet_averaged():
    """A 40 x 48 sheet, 2 x 2 averages of its middle 24 x 32."""
    sheet = np.random.default_rng(0).integers(0, 256, (40, 48), np.uint8)
    reduced = pages._rotate_and_reduce(sheet, (12, 16), angle=0.0)
    middle = sheet[8:32, 8:40].astype(np.float64)
    expected = middle.reshape(12, 2, 16, 2).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(reduced, expected, atol=1e-6)


def test_turned_page_is_full_of_sheet():
    """No corner shows what is beyond the sheet at the largest angle."""
    size, margin = (100, 60), int(np.ceil(100 * np.tan(np.radians(5)))) + 2
    sheet = np.full([2 * (side + 2 * margin) for side in size], 255, np.uint8)
    for angle in (-5.0, 5.0):
        np.testing.assert_allclose(pages._rotate_and_reduce(sheet, size, angle), 1, atol=1e-6)


def test_light_falls_off_to_one_minus_shade():
    light = pages._illumination((50, 50), 0.2, np.pi / 4)
    assert light[0, 0] == pytest.approx(1)
    assert light[-1, -1] == pytest.approx(0.8)
    np.testing.assert_array_equal(pages._illumination((5, 5), 0.0, 1.0), 1)
