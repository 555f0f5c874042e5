"""Pages in colour: what is drawn, which colours stay where, light."""

import hashlib
import json

import numpy as np
import pytest

from tfdeblur.degradations.colour_pages import KINDS, colour_sheet, draw_light
from tfdeblur.degradations.page_sources import families, symbol_family, texts
from tfdeblur.degradations.pages import render_page
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.degradations.typesetting import Typesetter

GOLDEN = "7924c13717f9df1e"


def render(seed, split="train", size=(96, 96)):
    return render_page(np.random.default_rng(seed), split, size, "colour")


def setter(seed, side=300):
    rng = np.random.default_rng(seed)
    family = families("train")[seed % len(families("train"))]
    made = Typesetter(
        rng, family, symbol_family("train"), 24.0, 1.3, (side, side), texts("train")[0]
    )
    made.typeset()
    return rng, made


@pytest.fixture(scope="module")
def pages():
    return [render(seed) for seed in range(60)]


def test_pages_are_of_every_kind_and_in_colour(pages):
    assert {page.drawn["kind"] for page in pages} == set(KINDS)
    coloured = [float(np.ptp(page.image, axis=2).mean()) for page in pages]
    scans = [page.drawn["grey_scan"] for page in pages]
    assert 0 < sum(scans) < 20
    assert max(value for value, scan in zip(coloured, scans, strict=True) if scan) < 1e-5
    assert sum(value > 0.05 for value in coloured) > 25
    assert 5 < sum(np.median(page.image) < 0.5 for page in pages) < 55


def test_pages_are_in_range_and_depend_on_the_generator_alone(pages):
    for page in pages:
        assert page.image.shape == (96, 96, 3) and page.image.dtype == np.float32
        assert page.image.min() >= -1e-6 and page.image.max() <= 1 + 1e-6
        assert json.loads(json.dumps(page.drawn)) == page.drawn
    np.random.seed(0)
    np.testing.assert_array_equal(render(7).image, pages[7].image)
    assert len({page.image.tobytes() for page in pages}) == 60


def test_screens_and_code_stand_straight(pages):
    angles = {kind: [] for kind in KINDS}
    for page in pages:
        angles[page.drawn["kind"]].append(page.drawn["rotation_degrees"])
    assert not any(angles["screen"]) and not any(angles["code"])
    assert all(angles["document"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sheet_is_a_function_of_its_draws_whose_text_can_be_seen(kind):
    for seed in range(3):
        sheet = colour_sheet(*setter(seed), kind)
        assert sheet.shape == (300, 300, 3) and sheet.dtype == np.uint8
        np.testing.assert_array_equal(colour_sheet(*setter(seed), kind), sheet)
        assert (sheet @ [0.299, 0.587, 0.114]).std() > 5


def test_plain_pages_are_white():
    sheet = colour_sheet(*setter(0), "plain")
    assert (np.median(sheet, axis=(0, 1)) > 250).all()


def test_light_keeps_the_range_and_is_monotone():
    ramp = np.repeat(np.linspace(0, 1, 32, dtype=np.float32)[None, :, None], 3, axis=2)
    lit = [draw_light(np.random.default_rng(seed), ramp) for seed in range(80)]
    for image, drawn in lit:
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1 + 1e-6
        assert (np.diff(image[0], axis=0) >= 0).all()
        assert 0.35 <= drawn["contrast"] <= 1 and 0.5 <= drawn["exposure"] <= 1
        assert not drawn["grey_scan"] or np.ptp(image, axis=2).max() < 1e-6
    assert 30 < sum(np.array_equal(image, ramp) for image, _ in lit) < 60


def test_a_part_of_the_inputs_passes_through_jpeg():
    recipe = TextRecipe(patch_size=64, patches_per_page=8, domain="colour", noise_max=0.0)
    pairs = [recipe.pair(0, index, "train") for index in range(48)]
    qualities = [pair.drawn["jpeg_quality"] for pair in pairs]
    assert 6 <= sum(quality < 100 for quality in qualities) <= 24
    assert min(qualities) >= 40
    for pair in pairs:
        assert pair.degraded.shape == (16, 16, 3) and pair.degraded.dtype == np.uint8


def test_pairs_of_known_seeds_are_golden():
    digest = hashlib.sha256()
    for index in range(4):
        pair = TextRecipe(patches_per_page=1, domain="colour").pair(0, index, "train")
        digest.update(pair.degraded.tobytes() + pair.target.tobytes())
    assert digest.hexdigest()[:16] == GOLDEN, "Raise TextRecipe.version, then update this hash."
