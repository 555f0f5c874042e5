import dataclasses

import numpy as np
import pytest
from line_blur import blur_along

from tfdeblur.degradations.motion_flow import (
    Motion,
    blur_masked,
    motion_flow,
    quantise_flow,
    warp_blur,
)
from tfdeblur.degradations.recipes import (
    Given,
    TwoBranchRecipe,
    UnfitImage,
    example_rng,
    two_branch,
)
from tfdeblur.images.resize import downscale, to_uint8

RECIPE = TwoBranchRecipe(side=120)


@pytest.fixture(scope="module")
def face(make_photo):
    return make_photo(120, 120)


def ellipse(height, width):
    """Return a mask of an upright ellipse: bool."""
    y, x = np.mgrid[:height, :width]
    return np.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5) < 0.3


MASK = ellipse(120, 120).astype(np.uint8) * 255


def flow_of(pair):
    return quantise_flow(motion_flow(Motion(**pair.drawn), (120, 120)))


@pytest.mark.parametrize("composite", ["soft", "hard"])
def test_the_face_is_blurred_along_the_drawn_motion(face, composite):
    """As near to the exact blur as `warp_blur` says, and to 8 bits."""
    recipe = dataclasses.replace(RECIPE, composite=composite)
    for number in range(4):
        pair = recipe.degrade(face, example_rng(number, "motion"), Given(mask=MASK))
        flow = flow_of(pair)
        for blur, near in ((warp_blur, 6), (blur_along, 12)):
            expected = blur_masked(
                face.astype(np.float32),
                MASK / 255,
                lambda image, blur=blur, flow=flow: blur(image, flow),
                hard=composite == "hard",
            )
            difference = pair.extras["hr_blurry"] - expected
            assert np.abs(difference).max() < near
        assert np.square(difference).mean() < 1


def test_lr_is_the_blurry_image_reduced(face):
    pair = RECIPE.degrade(face, example_rng(0, "lr"), Given(mask=MASK))
    assert pair.degraded.shape == (15, 15, 3)
    expected = to_uint8(downscale(pair.extras["hr_blurry"], 8) / 255)
    np.testing.assert_array_equal(pair.degraded, expected)
    np.testing.assert_array_equal(pair.target, face)


def test_what_is_far_from_the_face_stays_sharp(face):
    """No flow of the level `mild` reaches further than 20 px from the mask's rows and columns."""
    pair = RECIPE.degrade(face, example_rng(1, "far"), Given(mask=MASK))
    blurry = pair.extras["hr_blurry"]
    np.testing.assert_array_equal(blurry[:4], face[:4])
    np.testing.assert_array_equal(blurry[:, -4:], face[:, -4:])
    assert np.abs(blurry[40:80, 40:80].astype(int) - face[40:80, 40:80]).mean() > 2


def test_hard_composites_keep_every_pixel_outside_the_mask(face):
    recipe = dataclasses.replace(RECIPE, composite="hard")
    pair = recipe.degrade(face, example_rng(2, "hard"), Given(mask=MASK))
    np.testing.assert_array_equal(pair.extras["hr_blurry"][MASK == 0], face[MASK == 0])


def test_without_motion_nothing_is_blurred(face, monkeypatch):
    monkeypatch.setattr(two_branch, "draw_motion", lambda rng, level: Motion())
    for composite in ("soft", "hard"):
        recipe = dataclasses.replace(RECIPE, composite=composite)
        pair = recipe.degrade(face, example_rng(0, "still"), Given(mask=MASK))
        np.testing.assert_array_equal(pair.extras["hr_blurry"], face)


@pytest.mark.parametrize("size", [(60, 60), (120, 120), (512, 512)])
@pytest.mark.parametrize("kind", ["uint8", "float", "bool"])
def test_masks_of_any_size_and_kind(face, size, kind):
    mask = ellipse(*size)
    given = {"uint8": mask.astype(np.uint8) * 255, "float": mask.astype(float), "bool": mask}[kind]
    found = RECIPE.degrade(face, example_rng(0, "mask"), Given(mask=given)).extras["face_mask"]
    assert (found.shape, found.dtype) == ((120, 120, 1), np.uint8)
    assert set(np.unique(found)) == {0, 255}
    assert np.mean(found[..., 0] != MASK) < 0.02


def test_photo_and_mask_are_cut_alike(make_photo):
    photo, mask = make_photo(240, 300), np.zeros((240, 300), np.uint8)
    mask[40:200, 70:230] = 255
    pair = RECIPE.degrade(photo, example_rng(0, "cut"), Given(mask=mask))
    np.testing.assert_array_equal(pair.target, to_uint8(downscale(photo[:, 30:270], 2) / 255))
    rows, columns = np.nonzero(pair.extras["face_mask"][..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 99, 20, 99)


def test_strong_motion_goes_further(face):
    lengths = []
    for level in ("mild", "strong"):
        recipe = dataclasses.replace(RECIPE, level=level)
        pairs = [recipe.degrade(face, example_rng(n, "level"), Given(mask=MASK)) for n in range(10)]
        lengths.append(np.mean([abs(pair.drawn["translation_x"]) for pair in pairs]))
    assert lengths[1] / lengths[0] == pytest.approx(27 / 19)


@pytest.mark.parametrize(
    ("size", "mask", "message"),
    [
        ((119, 130), MASK, r"^must be at least 120x120 px. Got: 130x119.$"),
        ((120, 140), MASK, r"^must have the proportions of its mask, 120x120 px. Got: 140x120.$"),
        ((120, 120), np.zeros_like(MASK), r"^must have a mask that shows a face."),
    ],
)
def test_unfit_photographs_are_refused(make_photo, size, mask, message):
    with pytest.raises(UnfitImage, match=message):
        RECIPE.degrade(make_photo(*size), example_rng(0, "unfit"), Given(mask=mask))


def test_a_mask_must_be_given(face):
    with pytest.raises(ValueError, match="`mask` must be given to `two_branch`. Got: None."):
        RECIPE.degrade(face, example_rng(0, "none"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scale", 0, "`scale` must be at least 1. Got: 0"),
        ("side", 100, "`side` must be a multiple of `scale` = 8. Got: 100"),
        ("level", "wild", "`level` must be one of strong, mild. Got: 'wild'"),
        ("composite", "alpha", "`composite` must be 'soft' or 'hard'. Got: 'alpha'"),
    ],
)
def test_fields_out_of_range_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        TwoBranchRecipe(**{field: value})
