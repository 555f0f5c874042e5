from collections import Counter

import numpy as np
import pytest

from tfdeblur.degradations.kernel_bank import draw_kernel
from tfdeblur.degradations.kernels import TRAJECTORY_SIZES, blur_mirrored, trajectory_psf
from tfdeblur.degradations.recipes import EnhanceUnetRecipe, Given, UnfitImage, example_rng

RECIPE = EnhanceUnetRecipe()
PSF = trajectory_psf(np.random.default_rng(1), 27)[0]
IDENTITY = np.ones((1, 1), np.float32)


def test_blurry_is_cut_out_of_the_whole_blurred_face(make_photo):
    photo = make_photo(218, 178)
    whole = np.rint(blur_mirrored(photo, PSF))
    corners = set()
    for number in range(12):
        pair = RECIPE.degrade(photo, example_rng(number, "cut"), Given([PSF]))
        top, left = pair.drawn["top"], pair.drawn["left"]
        square = np.s_[top : top + 150, left : left + 150]
        np.testing.assert_array_equal(pair.target, photo[square])
        np.testing.assert_array_equal(pair.degraded, whole[square])
        assert pair.drawn["psf_size"] == 27
        corners.add((top, left))
    assert len(corners) > 10


def test_squares_lie_anywhere(make_photo):
    """68 + 1 rows and 28 + 1 columns, the first and the last among them."""
    photo = make_photo(218, 178)
    recipe = EnhanceUnetRecipe(crop_size=176)
    drawn = [
        recipe.degrade(photo, example_rng(number, "any"), Given([IDENTITY])).drawn
        for number in range(200)
    ]
    assert {pair["left"] for pair in drawn} == {0, 1, 2}
    assert {min(pair["top"] for pair in drawn), max(pair["top"] for pair in drawn)} == {0, 42}


def test_the_centre_draws_nothing(make_photo):
    rng = example_rng(0, "centre")
    pair = RECIPE.degrade(make_photo(218, 178), rng, Given([IDENTITY], held_out=True))
    assert (pair.drawn["top"], pair.drawn["left"]) == (34, 14)
    assert rng.integers(1 << 62) == example_rng(0, "centre").integers(1 << 62)


def test_there_is_no_noise(make_photo):
    pair = RECIPE.degrade(make_photo(218, 178), example_rng(0, "identity"), Given([IDENTITY]))
    np.testing.assert_array_equal(pair.degraded, pair.target)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((218, 178), (218, 178)), ((1024, 1024), (218, 178)), ((150, 160), (150, 160))],
)
def test_photographs_are_brought_to_celebas_size(make_photo, size, fitted):
    photo = make_photo(*size)
    assert RECIPE.fit(photo).shape == (*fitted, 3)
    np.testing.assert_array_equal(RECIPE.fit(RECIPE.fit(photo)), RECIPE.fit(photo))
    assert RECIPE.degrade(photo, example_rng(0, "fit"), Given([PSF])).target.shape == (150, 150, 3)


def test_small_photographs_are_unfit(make_photo):
    with pytest.raises(UnfitImage, match=r"^must be at least 150x150 px. Got: 149x300.$"):
        RECIPE.degrade(make_photo(300, 149), example_rng(0, "small"), Given([PSF]))


def test_320_000_pairs_of_800_kernels():
    """Qi et al., §4: 8,000 images, 100 kernels of each of 8 sizes, 5 of each in a group of 400."""
    kernels = [
        [RECIPE.kernel_number(image, 8000, pair) for pair in range(40)] for image in range(8000)
    ]
    assert len({(image, kernel) for image, row in enumerate(kernels) for kernel in row}) == 320_000
    uses = Counter(kernel for row in kernels for kernel in row)
    assert uses == dict.fromkeys(range(800), 400)
    per_size = Counter(TRAJECTORY_SIZES[kernel % 8] for kernel in uses)
    assert per_size == dict.fromkeys(range(13, 28, 2), 100)
    assert kernels[0] == kernels[399] != kernels[400]
    for row in kernels[::400]:
        assert Counter(kernel % 8 for kernel in row) == dict.fromkeys(range(8), 5)


def test_1_600_test_pairs_of_64_other_kernels():
    """200 images: of each size 25 images times 8 kernels."""
    kernels = [
        [RECIPE.kernel_number(image, 200, pair, held_out=True) for pair in range(8)]
        for image in range(200)
    ]
    assert len({(image, kernel) for image, row in enumerate(kernels) for kernel in row}) == 1600
    uses = Counter(kernel for row in kernels for kernel in row)
    assert len(uses) == 64
    assert set(uses.values()) == {25}
    assert min(uses) >= 800
    sizes = [{TRAJECTORY_SIZES[kernel % 8] for kernel in row} for row in kernels]
    assert Counter(map(tuple, sizes)) == {(size,): 25 for size in range(13, 28, 2)}


def test_kernels_have_the_sizes_that_their_numbers_say():
    numbers = [RECIPE.kernel_number(7, 10, pair) for pair in range(8)]
    numbers += [RECIPE.kernel_number(image, 8, 3, held_out=True) for image in range(8)]
    psfs = [draw_kernel("trajectory", 0, number).psf for number in numbers]
    assert [len(psf) for psf in psfs] == 2 * list(TRAJECTORY_SIZES)
    assert len({psf.tobytes() for psf in psfs}) == 16


def test_few_photographs_have_groups_as_well():
    groups = {RECIPE.kernel_number(image, 3, 0) // 40 for image in range(3)}
    assert groups == {0, 6, 13}
    assert RECIPE.kernel_number(0, 1, 39) == 39


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RECIPE.kernel_number(5, 5, 0), r"`image_number` must lie in 0..4. Got: 5"),
        (lambda: RECIPE.kernel_number(0, 5, 40), r"`pair_number` must lie in 0..39. Got: 40"),
        (lambda: RECIPE.kernel_number(0, 5, 8, True), r"`pair_number` must lie in 0..7. Got: 8"),
        (lambda: RECIPE.kernel_number(-1, 5, 0, True), r"`image_number` must lie in 0..4. Got: -1"),
        (
            lambda: RECIPE.degrade(np.zeros((150, 150, 3), np.uint8), example_rng(0, "")),
            "`psfs` must hold at least one kernel. Got: none.",
        ),
        (lambda: EnhanceUnetRecipe(crop_size=179), r"`crop_size` must lie in 1..178. Got: 179"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
