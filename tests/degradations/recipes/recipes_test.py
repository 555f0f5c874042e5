"""What holds for every recipe of photographs."""

import dataclasses
import json

import numpy as np
import pytest

from tfdeblur.degradations.kernels import spline_psf, trajectory_psf
from tfdeblur.degradations.recipes import (
    EnhanceUnetRecipe,
    GfnRecipe,
    Given,
    ScganFaceRecipe,
    TextRecipe,
    TwoBranchRecipe,
    WideRecipe,
    WrfnRecipe,
    example_rng,
)

TRAJECTORY = trajectory_psf(np.random.default_rng(0), 19)[0]
SPLINES = [spline_psf(np.random.default_rng(seed))[0] for seed in range(3)]


# Change a recipe's version together with its hash. If no code changed, OpenCV or numpy differ from
# the constraints file.
GOLDENS = {
    TextRecipe(): "ab28220682878ceb",
    ScganFaceRecipe(): "f538f3fa3ad3dbf1",
    EnhanceUnetRecipe(): "023bea4870094ead",
    WrfnRecipe(side=160): "42a8e147e59603fd",
    WideRecipe(side=120, largest=160): "a38a018993c9dcf6",
    TwoBranchRecipe(side=160): "9ed224d6bbf0047d",
    GfnRecipe(patch_size=160): "777e3f4a066cbabd",
}
ALL = pytest.mark.parametrize("recipe", GOLDENS, ids=lambda recipe: recipe.name)
RECIPES = pytest.mark.parametrize(
    "recipe",
    [
        TextRecipe(),
        ScganFaceRecipe(side=32, noise_max=0.1, noise_stage="lr"),
        EnhanceUnetRecipe(crop_size=99),
        WrfnRecipe(noise_std=0.0),
        TwoBranchRecipe(level="strong", composite="hard"),
        GfnRecipe(scales=(0.9, 0.5)),
    ],
    ids=lambda recipe: recipe.name,
)


@pytest.fixture(scope="module")
def photo(make_photo):
    return make_photo(201, 183)


def degrade(recipe, photo, rng):
    """Degrade a photograph; the recipe is given what it needs."""
    sharp = photo[:160, :160] if recipe.paired else photo
    if recipe.on_reading:
        sharp = recipe.fit(photo, rng)
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[40:120, 50:110] = 255
    psfs = [TRAJECTORY] if recipe.family == "trajectory" else SPLINES
    blurry = sharp[::-1] if recipe.paired else None
    return recipe.degrade(sharp, rng, Given(psfs, mask, blurry))


@ALL
def test_a_known_pair_is_golden(recipe, photo, digest):
    pair = degrade(recipe, photo, example_rng(0, "golden"))
    assert digest(pair) == GOLDENS[recipe], "raise the recipe's version, then update this hash"


@ALL
def test_the_state_of_the_generator_decides(recipe, photo, digest):
    first = degrade(recipe, photo, example_rng(7, "a"))
    np.random.seed(3)
    assert digest(degrade(recipe, photo, example_rng(7, "a"))) == digest(first)
    if first.drawn:
        assert digest(degrade(recipe, photo, example_rng(7, "b"))) != digest(first)


@ALL
def test_images_are_eight_bit_and_drawn_is_json(recipe, photo):
    pair = degrade(recipe, photo, example_rng(0, "kinds"))
    for image in (pair.degraded, pair.target, *pair.extras.values()):
        assert image.dtype == np.uint8
        assert image.ndim == 3
    assert json.loads(json.dumps(pair.drawn)) == pair.drawn


@ALL
def test_a_constant_image_stays_constant(recipe):
    """But for the noise, which is at most 7 levels times 3.7."""
    grey = np.full((201, 183, 3), 90, np.uint8)
    pair = degrade(recipe, grey, example_rng(1, "constant"))
    np.testing.assert_array_equal(pair.target, 90)
    loud = {"scgan_text": 26, "scgan_face": 26, "wrfn": 10, "wide": 19}
    assert np.abs(pair.degraded.astype(int) - 90).max() <= loud.get(recipe.name, 0)
    assert pair.degraded.mean() == pytest.approx(90, abs=0.2)
    for name in ("lr_sharp", "hr_blurry"):
        np.testing.assert_array_equal(pair.extras.get(name, 90), 90)


@ALL
def test_the_mean_is_kept(recipe, photo):
    """To what crosses the border of a patch that is cut out; the stripes are narrower than that."""
    pair = degrade(recipe, photo, example_rng(2, "mean"))
    means = [image.astype(float).mean(axis=(0, 1)) for image in (pair.degraded, pair.target)]
    np.testing.assert_allclose(*means, atol=3)


@ALL
def test_source_images_are_not_changed(recipe, photo):
    before = photo.copy()
    photo.setflags(write=False)  # As the builders' cached ones are.
    degrade(recipe, photo, example_rng(2, "before"))
    np.testing.assert_array_equal(photo, before)


@RECIPES
def test_fields_go_through_json(recipe):
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert type(recipe)(**fields) == recipe
    assert recipe.version.count(".") == 2


@RECIPES
def test_names_say_whether_the_size_changes(recipe):
    small = {"enhance_unet": 1, "wrfn": 1, "two_branch": 8}.get(recipe.name, 4)
    assert recipe.scale == small
    assert recipe.names == (("blurry", "sharp") if small == 1 else ("lr", "hr"))
    assert recipe.channels == (1 if recipe.name == "wrfn" else 3)


@ALL
def test_a_recipe_names_the_shapes_of_its_pairs(recipe, photo):
    pair = degrade(recipe, photo, example_rng(0, "shapes"))
    shapes = recipe.pair_shapes(*pair.target.shape[:2])
    images = {"degraded": pair.degraded, "target": pair.target, **pair.extras}
    assert shapes == {name: image.shape for name, image in images.items()}


@pytest.mark.parametrize(
    "recipe", [TextRecipe(), ScganFaceRecipe()], ids=lambda recipe: recipe.name
)
def test_held_out_pairs_have_no_noise_and_the_same_draws(recipe, photo):
    rngs = [example_rng(0, "held out") for _ in range(2)]
    held_out = recipe.degrade(photo, rngs[0], Given(held_out=True))
    quiet = dataclasses.replace(recipe, noise_max=0.0).degrade(photo, rngs[1])
    assert held_out.drawn == quiet.drawn
    assert held_out.drawn["noise_std"] == 0
    np.testing.assert_array_equal(held_out.degraded, quiet.degraded)


def test_a_single_kernel_is_not_drawn():
    rng, untouched = example_rng(0, "kernel"), example_rng(0, "kernel")
    assert Given(SPLINES[:1]).draw_kernel(rng) == 0
    assert rng.integers(1 << 62) == untouched.integers(1 << 62)
    assert {Given(SPLINES).draw_kernel(rng) for _ in range(40)} == {0, 1, 2}


@pytest.mark.parametrize(
    "make",
    [
        lambda image: ScganFaceRecipe().degrade(image, example_rng(0, "")),
        lambda image: TextRecipe().degrade(image, example_rng(0, "")),
        lambda image: WrfnRecipe().fit(image),
        lambda image: EnhanceUnetRecipe().fit(image),
    ],
)
@pytest.mark.parametrize("image", [np.zeros((400, 400), np.uint8), np.zeros((400, 400, 3))])
def test_other_arrays_than_photographs_are_refused(make, image):
    with pytest.raises(ValueError, match=r"`photo` must be \[H, W, 3\] uint8. Got: \(400, 400"):
        make(image)
