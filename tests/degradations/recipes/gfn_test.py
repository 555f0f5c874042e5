import numpy as np
import pytest

from tfdeblur.degradations.recipes import GfnRecipe, Given, UnfitImage, example_rng
from tfdeblur.images.resize import downscale, resize_bicubic, to_uint8

RNG = example_rng(0, "")
RECIPE = GfnRecipe()


def ramp(slope, size=(40, 52)):
    """Grey that rises by `slope` levels per pixel along both axes."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.repeat((slope * (x + y))[..., None], 3, axis=2).astype(np.uint8)


def test_52_patches_of_a_frame():
    """The paper's code on 1280x720 px: 36, 12 and 4 at the scales 1, 0.7 and 0.5."""
    counts = [
        len(RECIPE.positions(*RECIPE.frame_size(720, 1280, scale))) for scale in RECIPE.scales
    ]
    assert counts == [36, 12, 4]
    assert RECIPE.positions(256, 390) == [(0, 0), (0, 128)]


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((720, 1280), 0.7, (504, 896)),
        ((720, 1280), 1.0, (720, 1280)),
        ((722, 1279), 1.0, (720, 1276)),
        ((719, 1281), 0.5, (360, 640)),
        ((101, 99), 0.7, (68, 68)),
    ],
)
def test_frames_are_resized_and_cut_to_multiples(size, scale, expected):
    assert RECIPE.frame_size(*size, scale) == expected
    if size[0] < 200:
        frame = np.zeros((*size, 3), np.uint8)
        assert [image.shape for image in RECIPE.frames(frame, frame, scale)] == [(*expected, 3)] * 2


def test_frames_are_matlabs_bicubic(make_photo):
    """0.7 of 101 and 99 px: 70.7 and 69.3, rounded up."""
    sharp = make_photo(101, 99)
    blurry, resized = RECIPE.frames(sharp[::-1], sharp, 0.7)
    whole = to_uint8(resize_bicubic(sharp, (71, 70)) / 255)
    np.testing.assert_array_equal(resized, whole[:68, :68])
    mirrored = to_uint8(resize_bicubic(sharp[::-1], (71, 70)) / 255)
    np.testing.assert_array_equal(blurry, mirrored[:68, :68])
    assert RECIPE.frames(sharp, sharp, 1.0)[0].shape == (100, 96, 3)


def test_degrade_reduces_both(make_photo):
    sharp = make_photo(64, 48)
    pair = RECIPE.degrade(sharp, RNG, Given(blurry=sharp[::-1]))
    np.testing.assert_array_equal(pair.degraded, to_uint8(downscale(sharp[::-1], 4) / 255))
    np.testing.assert_array_equal(pair.extras["lr_sharp"], to_uint8(downscale(sharp, 4) / 255))
    np.testing.assert_array_equal(pair.target, sharp)
    assert pair.drawn == {}


@pytest.mark.parametrize(("slope", "flat"), [(0, True), (1, False), (2, False)])
def test_flat_patches_have_a_mean_gradient_below_the_limit(slope, flat):
    """A slope of 1 level along both axes has gradients of sqrt(2) / 255 = 0.0055."""
    assert RECIPE.is_flat(ramp(slope)) is flat
    assert GfnRecipe(gradient_min=0.0056).is_flat(ramp(1))
    assert not GfnRecipe(gradient_min=0.0055).is_flat(ramp(1))


def test_gradients_are_central_differences_of_each_channel():
    """Stripes of one pixel have none but at the border; a slope in one of three counts a third."""
    stripes = np.tile(np.array([0, 100], np.uint8), (40, 26))
    stripes = np.repeat(stripes[..., None], 3, axis=2)  # 2 of 52 columns have 100 levels.
    for least, flat in ((100 * 2 / 52 / 255 + 1e-4, True), (100 * 2 / 52 / 255 - 1e-4, False)):
        assert GfnRecipe(gradient_min=least).is_flat(stripes) is flat
    red = ramp(3, (30, 40)) * np.array([1, 0, 0], np.uint8)  # 3 levels along both axes.
    for least, flat in ((2**0.5 / 255 + 1e-4, True), (2**0.5 / 255 - 1e-4, False)):
        assert GfnRecipe(gradient_min=least).is_flat(red) is flat


def test_scales_are_fixed_or_drawn():
    assert RECIPE.frame_scales(example_rng(0, "")) == (1.0, 0.7, 0.5)
    drawn = [
        scale
        for number in range(100)
        for scale in GfnRecipe(scale_law="random").frame_scales(example_rng(number, ""))
    ]
    assert len(drawn) == 300
    assert 0.5 <= min(drawn) < 0.51
    assert 0.99 < max(drawn) <= 1
    assert np.mean(drawn) == pytest.approx(0.75, abs=0.03)


def test_unfit_pairs_are_refused(make_photo):
    frame = make_photo(64, 48)
    message = r"^must be as large as the sharp frame, 48x64 px. Got: 48x63.$"
    with pytest.raises(UnfitImage, match=message):
        RECIPE.frames(frame[:63], frame, 0.5)
    with pytest.raises(UnfitImage, match=message):
        RECIPE.degrade(frame, RNG, Given(blurry=frame[:63]))
    with pytest.raises(UnfitImage, match=r"^must have sides that are multiples of 4. Got: 48x63.$"):
        RECIPE.degrade(frame[:63], RNG, Given(blurry=frame[:63]))
    with pytest.raises(ValueError, match="`blurry` must be given to `gfn`. Got: None."):
        RECIPE.degrade(frame, RNG)
    with pytest.raises(ValueError, match=r"`frame_scale` must lie in \(0, 1\]. Got: 1.5"):
        RECIPE.frames(frame, frame, 1.5)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scale", 0, "`scale` must be at least 1. Got: 0"),
        ("patch_size", 255, "`patch_size` must be a multiple of `scale` = 4. Got: 255"),
        ("stride", 0, "`stride` must be at least 1. Got: 0"),
        ("scales", (), r"`scales` must lie in \(0, 1\]. Got: \(\)"),
        ("scale_law", "paper", "`scale_law` must be one of .* Got: 'paper'"),
        ("scales", (1.0, 1.2), r"`scales` must lie in \(0, 1\]. Got: \(1.0, 1.2\)"),
        ("gradient_min", -0.1, "`gradient_min` must be at least 0 and finite. Got: -0.1"),
    ],
)
def test_fields_out_of_range_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        GfnRecipe(**{field: value})
