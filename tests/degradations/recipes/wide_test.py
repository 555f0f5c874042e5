import dataclasses
import hashlib

import numpy as np
import pytest

from tfdeblur.degradations.kernels import wide_psf
from tfdeblur.degradations.recipes import Given, UnfitImage, WideRecipe, WrfnRecipe, example_rng

BANK = [wide_psf(np.random.default_rng(seed))[0] for seed in range(5)]
RECIPE = WideRecipe(side=64, largest=128)


@pytest.fixture(scope="module")
def sharp(make_photo):
    return RECIPE.fit(make_photo(140, 150))


def test_the_whole_is_the_central_square_and_others_vary_in_size_and_place(make_photo):
    photo = make_photo(140, 150)
    whole = RECIPE.fit(photo)
    np.testing.assert_array_equal(
        WrfnRecipe()
        .degrade(whole[..., :1], example_rng(0, ""), Given([np.ones((1, 1), np.float32)]))
        .target,
        whole[..., :1],
    )
    cuts = {RECIPE.fit(photo, example_rng(seed, "cut")).tobytes() for seed in range(10)}
    assert len(cuts) == 10
    assert whole.shape == (64, 64, 3)
    with pytest.raises(UnfitImage, match="^must be at least 64x64 px. Got: 80x63.$"):
        RECIPE.fit(make_photo(63, 80))


def test_a_square_of_its_own_size_is_cut_and_never_enlarged(make_photo):
    photo = make_photo(64, 90)
    square = RECIPE.fit(photo, example_rng(1, "cut"))
    lefts = [left for left in range(27) if (photo[:, left : left + 64] == square).all()]
    assert len(lefts) == 1


def test_variations_are_functions_of_the_generator_and_fit(sharp):
    sizes, pictures = set(), set()
    for seed in range(40):
        image, (top, left, side) = RECIPE.vary(sharp, example_rng(seed, "vary"), 32)
        again, window = RECIPE.vary(sharp, example_rng(seed, "vary"), 32)
        np.testing.assert_array_equal(image, again)
        assert window == (top, left, side) and side == 32
        assert image.dtype == np.uint8 and image.shape[2] == 1
        assert 32 <= len(image) == image.shape[1] <= 64
        assert max(top, left) + side <= len(image)
        sizes.add(len(image))
        pictures.add(image.tobytes())
    assert len(pictures) == 40
    assert 64 in sizes and len(sizes) > 5
    with pytest.raises(ValueError, match=r"`side` must lie in 1..64. Got: 65"):
        RECIPE.vary(sharp, example_rng(0, "vary"), 65)


def test_a_variation_of_a_known_seed_is_golden(sharp):
    """Change the recipe's version together with it."""
    digest = hashlib.sha256()
    for seed in range(8):
        image, window = RECIPE.vary(sharp, example_rng(seed, "golden"), 32)
        digest.update(image.tobytes() + repr(window).encode())
    assert digest.hexdigest()[:16] == "573d84eb8c358831"


def test_levels_keep_their_order_and_turns_are_wanted(sharp):
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 4, 64, 0).repeat(3, 2)
    turning = dataclasses.replace(RECIPE, turns=True)
    steps = {False: set(), True: set()}
    for seed in range(30):
        for recipe in (RECIPE, turning):
            image = recipe.vary(ramp, example_rng(seed, "ramp"), 64)[0][..., 0].astype(int)
            along = image[0, -1] - image[0, 0], image[-1, 0] - image[0, 0]
            steps[recipe.turns].add(tuple(np.sign(along)))
    assert steps[False] == {(1, 0)}
    assert steps[True] == {(1, 0), (-1, 0), (0, 1), (0, -1)}


def test_noise_is_redrawn_up_to_its_maximum(sharp):
    flat = np.full((200, 200, 1), 128, np.uint8)
    drawn, measured = [], []
    for seed in range(40):
        pair = RECIPE.degrade(flat, example_rng(seed, "noise"), Given(BANK))
        drawn.append(255 * pair.drawn["noise_std"])
        measured.append(float((pair.degraded - 128.0).std()))
        np.testing.assert_array_equal(pair.target, flat)
    assert 0 <= min(drawn) < 0.5 and 4.5 < max(drawn) <= 5.1
    # Rounding to 8 bits adds at most 1/12 of a level squared.
    np.testing.assert_allclose(measured, drawn, atol=0.35)


def test_a_picture_in_colour_is_blurred_grey(sharp):
    pair = RECIPE.degrade(sharp, example_rng(3, "pair"), Given(BANK))
    grey = np.rint(sharp @ [0.299, 0.587, 0.114])
    assert np.abs(pair.target[..., 0] - grey).max() <= 1
    assert pair.degraded.shape == (64, 64, 1)


def test_a_window_is_cut_out_of_the_whole(sharp):
    quiet = dataclasses.replace(RECIPE, noise_max=0.0)
    whole, part = (
        quiet.degrade(sharp, example_rng(2, "window"), Given(BANK, window=window))
        for window in (None, (3, 20, 31))
    )
    np.testing.assert_array_equal(part.degraded, whole.degraded[3:34, 20:51])
    np.testing.assert_array_equal(part.target, whole.target[3:34, 20:51])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"side": 0}, "`side` must be at least 1. Got: 0"),
        ({"noise_max": 2.0}, r"`noise_max` must lie in \[0, 1\]. Got: 2.0"),
        ({"largest": 100}, "`largest` must be at least `side`, 320. Got: 100"),
    ],
)
def test_fields_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        WideRecipe(**fields)
