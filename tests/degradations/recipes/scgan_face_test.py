import dataclasses

import numpy as np
import pytest

from tfdeblur.degradations.kernels import blur_mirrored
from tfdeblur.degradations.recipes import ScganFaceRecipe, UnfitImage, example_rng, scgan_face
from tfdeblur.images.resize import downscale, resize_bicubic, to_uint8

QUIET = ScganFaceRecipe(noise_max=0.0)


@pytest.mark.parametrize("size", [(64, 64), (218, 178), (65, 300), (1024, 1024)])
def test_sizes(make_photo, size):
    pair = ScganFaceRecipe().degrade(make_photo(*size), example_rng(0, "size"))
    assert (pair.degraded.shape, pair.target.shape) == ((16, 16, 3), (64, 64, 3))
    assert pair.drawn.keys() == {"disc_radius", "walk_size", "noise_std"}


def test_target_is_the_central_square_reduced(make_photo):
    photo = make_photo(218, 178)
    expected = to_uint8(resize_bicubic(photo[20:198], (64, 64)) / 255)
    np.testing.assert_array_equal(QUIET.fit(photo), expected)
    np.testing.assert_array_equal(QUIET.fit(QUIET.fit(photo)), expected)


def test_lr_is_the_blurred_face_reduced(make_photo, monkeypatch):
    psfs = []
    text_psf = scgan_face.text_psf

    def record(rng):
        psf, drawn = text_psf(rng)
        psfs.append(psf)
        return psf, drawn

    monkeypatch.setattr(scgan_face, "text_psf", record)
    for number in range(5):
        pair = QUIET.degrade(make_photo(100, 90), example_rng(number, "blur"))
        blurred = np.rint(blur_mirrored(pair.target, psfs[number]))
        expected = to_uint8(downscale(blurred, 4) / 255)
        difference = np.abs(pair.degraded.astype(int) - expected)
        assert difference.max() <= 1
        assert difference.mean() < 0.01


def test_without_blur_and_noise_lr_is_bicubic(make_photo, monkeypatch):
    monkeypatch.setattr(scgan_face, "text_psf", lambda rng: (np.ones((1, 1), np.float32), {}))
    pair = QUIET.degrade(make_photo(64, 64), example_rng(0, "identity"))
    np.testing.assert_array_equal(pair.degraded, to_uint8(downscale(pair.target, 4) / 255))


def test_noise_is_seven_levels_at_most(make_photo):
    photo = make_photo(64, 64)
    drawn = [
        ScganFaceRecipe().degrade(photo, example_rng(0, str(number))).drawn["noise_std"]
        for number in range(40)
    ]
    assert 5 / 255 < max(drawn) <= 7 / 255
    assert min(drawn) < 2 / 255


def test_noise_off_is_the_same_at_both_stages(make_photo):
    photo = make_photo(90, 70)
    stages = [dataclasses.replace(QUIET, noise_stage=stage) for stage in ("hr", "lr")]
    pairs = [recipe.degrade(photo, example_rng(3, "stage")) for recipe in stages]
    np.testing.assert_array_equal(pairs[0].degraded, pairs[1].degraded)


def test_small_photographs_are_unfit(make_photo):
    with pytest.raises(UnfitImage, match=r"^must be at least 64x64 px. Got: 200x63.$"):
        ScganFaceRecipe().degrade(make_photo(63, 200), example_rng(0, "small"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("scale", 0, "`scale` must be at least 1. Got: 0"),
        ("side", 66, "`side` must be a multiple of `scale` = 4. Got: 66"),
        ("side", 0, "`side` must be a multiple of `scale` = 4. Got: 0"),
        ("noise_max", 7, r"`noise_max` must lie in \[0, 1\]. Got: 7"),
        ("noise_stage", "raw", "`noise_stage` must be 'hr' or 'lr'. Got: 'raw'"),
    ],
)
def test_fields_out_of_range_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        ScganFaceRecipe(**{field: value})
