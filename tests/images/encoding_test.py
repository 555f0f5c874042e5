"""A photo in every format, with what its source said."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from tfdeblur.images.decoding import ImageError, Photo, Tags
from tfdeblur.images.encoding import FORMATS, encode, obstacle

RGB = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
GREY = np.repeat(RGB[..., :1], 3, axis=2)
ALPHA = RGB[..., 0] + 9
LOSSLESS = {".png", ".tif", ".tiff", ".bmp"}


def _decoded(photo, suffix, **options):
    image = Image.open(io.BytesIO(encode(photo, suffix, **options)))
    image.load()
    return image


@pytest.mark.parametrize("suffix", FORMATS)
def test_colours_and_grey(suffix):
    image = _decoded(Photo(RGB), suffix)
    assert (image.mode, image.size, image.format) == ("RGB", (8, 6), FORMATS[suffix])
    if suffix in LOSSLESS:
        np.testing.assert_array_equal(np.asarray(image), RGB)
    grey = _decoded(Photo(GREY, grey=True), suffix)
    assert grey.mode == ("RGB" if suffix == ".webp" else "L")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_transparency(suffix):
    image = _decoded(Photo(RGB, ALPHA), suffix)
    np.testing.assert_array_equal(np.asarray(image)[..., 3], ALPHA)
    if suffix != ".webp":
        assert _decoded(Photo(GREY, ALPHA, grey=True), suffix).mode == "LA"


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_formats_without_transparency_refuse_it(suffix):
    with pytest.raises(ImageError, match=f"{FORMATS[suffix]} holds no transparency"):
        encode(Photo(RGB, ALPHA), suffix)


def test_longest_sides():
    assert obstacle(".jpg", 65_500, 65_500, transparent=False) is None
    assert obstacle(".jpg", 8, 65_501, transparent=False) == (
        "JPEG holds at most 65,500 px a side. Got: 65501x8."
    )
    assert "16,383" in (obstacle(".webp", 16_384, 8, transparent=False) or "")
    assert obstacle(".png", 70_000, 70_000, transparent=True) is None


def test_quality_is_passed_on():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for suffix in (".jpg", ".webp"):
        small, large = (len(encode(Photo(noise), suffix, quality)) for quality in (30, 95))
        assert small < large / 2


@pytest.mark.parametrize("suffix", FORMATS)
def test_tags(suffix):
    exif = Image.Exif()
    exif[0x0132] = "2020:02:03 04:05:06"
    tags = Tags(exif.tobytes(), b"<x:xmpmeta>words</x:xmpmeta>", (1200.0, 1200.0), profile=True)
    image = _decoded(Photo(RGB, tags=tags), suffix)
    if suffix != ".webp":
        assert image.info["dpi"] == pytest.approx((1200, 1200), abs=0.02)
    if suffix == ".bmp":  # It has no room for the rest.
        return
    assert image.getexif()[0x0132] == "2020:02:03 04:05:06"
    assert image.info["xmp"] == tags.xmp
    assert "sRGB" in ImageCms.getProfileDescription(io.BytesIO(image.info["icc_profile"]))
    np.testing.assert_equal(image.getexif().get(0x0112, 1), 1)
