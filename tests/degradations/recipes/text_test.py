import dataclasses
import hashlib
import json

import numpy as np
import pytest

from tfdeblur.degradations.kernels import blur, blur_mirrored
from tfdeblur.degradations.pages import Page
from tfdeblur.degradations.recipes import Given, TextRecipe, UnfitImage, example_rng, text
from tfdeblur.images.resize import downscale, to_uint8

SMALL = TextRecipe(patch_size=32, patches_per_page=4)
GOLDEN = "e9633e063f027892f7621bf307425b8dc52ceb438258e41185936615cacc3f20"


def assert_same(first, second):
    np.testing.assert_array_equal(first.degraded, second.degraded)
    np.testing.assert_array_equal(first.target, second.target)
    assert first.drawn == second.drawn


def test_pairs_of_known_seeds_are_golden():
    """The whole pages of `train` hold every kind of block, in several families.

    Drawn floats enter with six digits: the last ones depend on the machine's mathematics.
    """
    digest = hashlib.sha256()
    whole_page = TextRecipe(
        patch_size=300, patches_per_page=1, noise_stage="lr", domain="dark_mode"
    )
    for recipe, seed, index, split in (
        (TextRecipe(), 0, 0, "train"),
        (TextRecipe(), 0, 37, "train"),
        (TextRecipe(), 1, 3, "validation"),
        (TextRecipe(), 2, 16, "test"),
        (whole_page, 0, 1, "test"),
        *(
            (TextRecipe(patch_size=300, patches_per_page=1), 0, index, "train")
            for index in range(8)
        ),
    ):
        pair = recipe.pair(seed, index, split)
        digest.update(pair.degraded.tobytes() + pair.target.tobytes())
        for name, value in sorted(pair.drawn.items()):
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            digest.update(f"{name}={text}\n".encode())
    assert digest.hexdigest() == GOLDEN, (
        "The pairs changed: raise TextRecipe.version, then update this hash. If no code changed, "
        "Pillow, OpenCV or numpy differ from the constraints file."
    )


def test_a_pair_depends_on_seed_split_and_index_alone():
    order = [(0, 0, "train"), (0, 5, "train"), (1, 0, "train"), (0, 0, "test"), (0, 1, "train")]
    first = {key: SMALL.pair(*key) for key in order}
    text._page.cache_clear()
    np.random.seed(3)
    for key in reversed(order):
        assert_same(SMALL.pair(*key), first[key])
    contents = {pair.degraded.tobytes() for pair in first.values()}
    assert len(contents) == len(order)


def test_consecutive_pairs_share_a_page_and_nothing_else():
    pairs = [SMALL.pair(0, index, "train") for index in range(5)]
    assert [pair.drawn["page"] for pair in pairs] == [0, 0, 0, 0, 1]
    assert len({pair.drawn["dpi"] for pair in pairs[:4]}) == 1
    assert len({pair.drawn["disc_radius"] for pair in pairs}) == 5
    assert len({(pair.drawn["top"], pair.drawn["left"]) for pair in pairs}) == 5


def test_shapes_and_types():
    pair = TextRecipe(patch_size=100, scale=2, patches_per_page=1).pair(0, 0, "validation")
    assert (pair.degraded.shape, pair.target.shape) == ((50, 50, 3), (100, 100, 3))
    assert pair.degraded.dtype == pair.target.dtype == np.uint8
    assert json.loads(json.dumps(pair.drawn)) == pair.drawn


def test_hr_is_the_page_and_lr_its_blurred_image_reduced(monkeypatch):
    """Without noise: blur the whole page, cut the patch, round to 8 bit, MATLAB bicubic / 4."""
    psfs = []
    text_psf = text.text_psf

    def record(rng):
        psf, drawn = text_psf(rng)
        psfs.append(psf)
        return psf, drawn

    monkeypatch.setattr(text, "text_psf", record)
    recipe = dataclasses.replace(SMALL, noise_max=0.0)
    for index in range(6):
        pair = recipe.pair(4, index, "train")
        page = text._page(4, "train", index // 4, recipe._page_side(), "print").image
        top, left = pair.drawn["top"], pair.drawn["left"]
        np.testing.assert_array_equal(pair.target, to_uint8(page[top : top + 32, left : left + 32]))
        border = len(psfs[index]) // 2
        blurred = blur(page, psfs[index])[top - border :, left - border :][:32, :32]
        expected = to_uint8(downscale(to_uint8(blurred) / 255, 4))
        difference = np.abs(pair.degraded.astype(int) - expected)
        assert difference.max() <= 1
        assert difference.mean() < 0.01


def test_noise_off_is_the_same_at_both_stages():
    stages = [dataclasses.replace(SMALL, noise_max=0.0, noise_stage=s) for s in ("hr", "lr")]
    pairs = [recipe.pair(0, 3, "test") for recipe in stages]
    assert_same(*pairs)
    assert pairs[0].drawn["noise_std"] == 0


@pytest.mark.parametrize(("stage", "gain"), [("hr", 0.2035), ("lr", 1.0)])
def test_noise_has_the_drawn_strength_at_its_stage(monkeypatch, stage, gain):
    """On grey paper. The bicubic weights' squares sum to 2 * 1707144 / 4096^2 = 0.2035 along each
    axis, by which averaging reduces the deviation of noise that is added before it."""

    def grey(rng, split, size, domain):
        return Page(np.full((*size, 3), 0.5, np.float32), {})

    monkeypatch.setattr(text, "render_page", grey)
    text._page.cache_clear()
    recipe = TextRecipe(patch_size=512, patches_per_page=1, noise_max=0.1, noise_stage=stage)
    try:
        pair = recipe.pair(0, 0, "train")
    finally:
        text._page.cache_clear()
    assert 0.01 < pair.drawn["noise_std"] < 0.1
    assert (pair.degraded / 255).std() == pytest.approx(gain * pair.drawn["noise_std"], rel=0.03)
    assert (pair.degraded / 255).mean() == pytest.approx(0.5, abs=0.003)
    np.testing.assert_array_equal(pair.target, 128)


def test_noise_is_seven_levels_at_most():
    drawn = [SMALL.pair(0, index, "train").drawn["noise_std"] for index in range(40)]
    assert max(drawn) <= 7 / 255
    assert max(drawn) > 5 / 255
    assert min(drawn) < 2 / 255


def test_empty_paper_is_drawn_again(monkeypatch):
    """A page with ink in one quarter: with five draws nearly every patch has some."""

    def quarter(rng, split, size, domain):
        image = np.ones((*size, 3), np.float32)
        image[: size[0] // 2 : 4, : size[1] // 2] = 0
        return Page(image, {})

    monkeypatch.setattr(text, "render_page", quarter)
    text._page.cache_clear()
    try:
        pairs = [SMALL.pair(0, index, "train") for index in range(100)]
    finally:
        text._page.cache_clear()
    empty = sum(pair.target.std() == 0 for pair in pairs)
    assert 5 < empty < 35  # (3/4)^5 = 24 %; 75 % without the further draws.


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scale", 0, "`scale` must be at least 1. Got: 0"),
        ("patch_size", 28, "`patch_size` must be at least 32 and a multiple .* Got: 28"),
        ("patch_size", 66, "multiple of `scale` = 4. Got: 66"),
        ("patches_per_page", 0, "`patches_per_page` must be at least 1. Got: 0"),
        ("noise_max", 7, r"`noise_max` must lie in \[0, 1\]. Got: 7"),
        ("noise_stage", "raw", "`noise_stage` must be 'hr' or 'lr'. Got: 'raw'"),
        ("domain", "neon", "`domain` must be one of .* Got: 'neon'"),
    ],
)
def test_fields_out_of_range_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        TextRecipe(**{field: value})


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`index` must be at least 0. Got: -1"):
        SMALL.pair(0, -1, "train")
    with pytest.raises(ValueError, match="`split` must be one of .* Got: 'dev'"):
        SMALL.pair(0, 0, "dev")


@pytest.fixture(scope="module")
def own_page():
    """A page of a user's own: uint8, not square, white but for a striped square."""
    page = np.full((101, 140, 3), 255, np.uint8)
    page[10:90:3, 20:100] = 0
    return page


def test_degrade_cuts_out_of_the_whole_blurred_page(own_page, monkeypatch):
    """Patches at the page's edge, too, where it is mirrored; elsewhere the blur sees the page."""
    psfs = []
    text_psf = text.text_psf

    def record(rng):
        psf, drawn = text_psf(rng)
        psfs.append(psf)
        return psf, drawn

    monkeypatch.setattr(text, "text_psf", record)
    recipe = dataclasses.replace(SMALL, noise_max=0.0)
    corners = []
    for number in range(30):
        pair = recipe.degrade(own_page, example_rng(number, "page"))
        top, left = pair.drawn["top"], pair.drawn["left"]
        square = np.s_[top : top + 32, left : left + 32]
        np.testing.assert_array_equal(pair.target, own_page[square])
        whole = to_uint8(blur_mirrored(own_page, psfs[number]) / 255)
        expected = to_uint8(downscale(whole[square], 4) / 255)
        np.testing.assert_array_equal(pair.degraded, expected)
        corners.append((top, left))
    assert min(top for top, _ in corners) < 8
    assert max(left for _, left in corners) > 90


def test_empty_parts_of_a_page_of_the_users_own_are_drawn_again():
    page = np.full((400, 400, 3), 255, np.uint8)
    page[:200:4, :200] = 0
    pairs = [SMALL.degrade(page, example_rng(number, "ink")) for number in range(100)]
    empty = sum(pair.target.std() == 0 for pair in pairs)
    assert 5 < empty < 35  # (3/4)^5 = 24 %; 75 % without the further draws.


def test_a_page_that_is_blurred_already_is_only_reduced(own_page):
    """Blurry and sharp patches are cut at one place; /4 as ever."""
    blurry = np.roll(own_page, 1, axis=0)
    given = Given(blurry=blurry)
    recipe = dataclasses.replace(SMALL, noise_max=0.0)
    for number in range(10):
        pair = recipe.degrade(own_page, example_rng(number, "reduce"), given)
        top, left = pair.drawn["top"], pair.drawn["left"]
        square = np.s_[top : top + 32, left : left + 32]
        np.testing.assert_array_equal(pair.target, own_page[square])
        np.testing.assert_array_equal(pair.degraded, to_uint8(downscale(blurry[square], 4) / 255))
    noisy = SMALL.degrade(own_page, example_rng(0, "reduce"), given)
    assert 0 < noisy.drawn["noise_std"] < 7 / 255


def test_a_page_as_large_as_the_patch_has_one_place(own_page):
    page = own_page[:32, 40:72]
    pair = SMALL.degrade(page, example_rng(0, "one"))
    assert (pair.drawn["top"], pair.drawn["left"]) == (0, 0)
    np.testing.assert_array_equal(pair.target, page)


def test_unfit_pages_are_refused(own_page):
    with pytest.raises(UnfitImage, match=r"^must be at least 32x32 px. Got: 140x31.$"):
        SMALL.degrade(own_page[:31], example_rng(0, "small"))
    with pytest.raises(UnfitImage, match=r"^must be at least 32x32 px. Got: 31x101.$"):
        narrow = own_page[:, :31]
        SMALL.degrade(narrow, example_rng(0, "small"), Given(blurry=narrow))
    message = r"^must be as large as the sharp image, 140x101 px. Got: 140x99.$"
    with pytest.raises(UnfitImage, match=message):
        SMALL.degrade(own_page, example_rng(0, "sizes"), Given(blurry=own_page[:99]))
