import dataclasses

import numpy as np
import pytest

from tfdeblur.degradations.kernels import blur_mirrored, spline_psf
from tfdeblur.degradations.recipes import Given, UnfitImage, WrfnRecipe, example_rng

BANK = [spline_psf(np.random.default_rng(seed))[0] for seed in range(5)]
RECIPE = WrfnRecipe()
QUIET = WrfnRecipe(noise_std=0.0)
IDENTITY = [np.ones((1, 1), np.float32)]


@pytest.fixture(scope="module")
def sharp(make_photo):
    return WrfnRecipe(side=121).fit(make_photo(140, 150))


def test_sources_are_grey_squares(make_photo):
    assert RECIPE.fit(make_photo(320, 321)).shape == (320, 320, 1)
    grey = RECIPE.fit(np.full((500, 400, 3), 77, np.uint8))
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, 77)
    with pytest.raises(UnfitImage, match=r"^must be at least 320x320 px. Got: 400x319.$"):
        RECIPE.fit(make_photo(319, 400))


@pytest.mark.parametrize(
    ("colour", "level"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)]
)
def test_grey_is_bt_601(colour, level):
    """0.299, 0.587 and 0.114 of 255, rounded."""
    photo = np.full((8, 8, 3), colour, np.uint8)
    np.testing.assert_array_equal(WrfnRecipe(side=8).fit(photo), level)


def test_blurry_is_the_image_with_a_kernel_of_the_bank(sharp):
    used = set()
    for number in range(40):
        pair = QUIET.degrade(sharp, example_rng(number, "bank"), Given(BANK))
        kernel = pair.drawn["kernel"]
        expected = np.rint(blur_mirrored(sharp, BANK[kernel]))
        np.testing.assert_array_equal(pair.degraded, expected)
        np.testing.assert_array_equal(pair.target, sharp)
        used.add(kernel)
    assert used == set(range(5))


def test_a_window_is_cut_out_of_the_whole_blurred_image(sharp):
    rng = np.random.default_rng(0)
    for number in range(30):
        side = int(rng.integers(1, 122))
        top, left = (int(value) for value in rng.integers(0, 122 - side, 2))
        whole, part = (
            QUIET.degrade(sharp, example_rng(number, "window"), Given(BANK, window=window))
            for window in (None, (top, left, side))
        )
        square = np.s_[top : top + side, left : left + side]
        np.testing.assert_array_equal(part.degraded, whole.degraded[square])
        np.testing.assert_array_equal(part.target, sharp[square])
        assert part.drawn == whole.drawn


@pytest.mark.parametrize("window", [None, (3, 5, 100)])
def test_noise_is_that_of_the_paper(window):
    """2.55 of 255, and what rounding adds: a twelfth of a squared level."""
    grey = np.full((200, 200, 1), 128, np.uint8)
    pair = RECIPE.degrade(grey, example_rng(1, "noise"), Given(IDENTITY, window=window))
    assert pair.degraded.shape == ((200, 200, 1) if window is None else (100, 100, 1))
    assert pair.degraded.std() == pytest.approx(np.sqrt(2.55**2 + 1 / 12), rel=0.02)
    assert pair.degraded.mean() == pytest.approx(128, abs=0.06)


def test_identity(sharp):
    pair = QUIET.degrade(sharp, example_rng(0, "identity"), Given(IDENTITY))
    np.testing.assert_array_equal(pair.degraded, sharp)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda sharp: QUIET.degrade(sharp, example_rng(0, "")), "`psfs` must hold at least"),
        (
            lambda sharp: QUIET.degrade(
                sharp, example_rng(0, ""), Given(BANK, window=(100, 0, 22))
            ),
            r"`window` must lie in \(121, 121\). Got: \(100, 0, 22, 22\)",
        ),
        (lambda sharp: dataclasses.replace(RECIPE, side=0), "`side` must be at least 1. Got: 0"),
        (lambda sharp: WrfnRecipe(noise_std=2.55), r"`noise_std` must lie in \[0, 1\]. Got: 2.55"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message, sharp):
    with pytest.raises(ValueError, match=message):
        call(sharp)
