import dataclasses
import hashlib

import numpy as np
import pytest

from tfdeblur.degradations.recipes import (
    FreshFaceRecipe,
    Given,
    ScganFaceRecipe,
    UnfitImage,
    example_rng,
)

RECIPE = FreshFaceRecipe()


@pytest.fixture(scope="module")
def sharp(make_photo):
    return RECIPE.fit(make_photo(170, 190))


def test_a_kept_square_is_degraded_as_scgans_faces_are(sharp, make_photo):
    pair = RECIPE.degrade(sharp, example_rng(1, "face"))
    expected = ScganFaceRecipe().degrade(sharp, example_rng(1, "face"))
    np.testing.assert_array_equal(pair.degraded, expected.degraded)
    np.testing.assert_array_equal(pair.target, expected.target)
    assert sharp.shape == (160, 160, 3)
    with pytest.raises(UnfitImage, match="^must be at least 160x160 px. Got: 180x159.$"):
        RECIPE.fit(make_photo(159, 180))


def test_draws_are_functions_of_the_generator_and_differ(sharp):
    targets, inputs = set(), set()
    for seed in range(20):
        pair = RECIPE.draw(sharp, example_rng(seed, "draw"))
        again = RECIPE.draw(sharp, example_rng(seed, "draw"), Given(window=(0, 0, 64)))
        np.testing.assert_array_equal(pair.degraded, again.degraded)
        np.testing.assert_array_equal(pair.target, again.target)
        assert pair.degraded.shape == (16, 16, 3) and pair.target.shape == (64, 64, 3)
        targets.add(pair.target.tobytes())
        inputs.add(pair.degraded.tobytes())
    assert len(targets) == len(inputs) == 20
    wider = RECIPE.draw(sharp, example_rng(0, "draw"), Given(window=(0, 0, 96)))
    assert wider.target.shape == (96, 96, 3)
    with pytest.raises(ValueError, match="`side` must be at most 160. Got: 164"):
        RECIPE.draw(sharp, example_rng(0, "draw"), Given(window=(0, 0, 164)))


def test_a_grey_ramp_keeps_its_order_in_every_channel():
    ramp = np.repeat(np.arange(160, dtype=np.uint8)[None, :, None], 160, 0).repeat(3, 2)
    quiet = dataclasses.replace(RECIPE, noise_max=0.0)
    for seed in range(10):
        target = quiet.draw(ramp, example_rng(seed, "ramp")).target.astype(int)
        assert (np.diff(target, axis=1) >= 0).all()
        assert (target[:, -1] > target[:, 0]).all()


def test_a_draw_of_a_known_seed_is_golden(sharp):
    """Change the recipe's version together with it."""
    digest = hashlib.sha256()
    for seed in range(8):
        pair = RECIPE.draw(sharp, example_rng(seed, "golden"))
        digest.update(pair.degraded.tobytes() + pair.target.tobytes())
    assert digest.hexdigest()[:16] == "7ce8cf826116aa56"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stored": 100}, "`stored` must be at least 107. Got: 100"),
        ({"side": 30}, "`side` must be a multiple of `scale` = 4. Got: 30"),
        ({"noise_max": 2.0}, r"`noise_max` must lie in \[0, 1\]. Got: 2.0"),
    ],
)
def test_fields_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        FreshFaceRecipe(**fields)
