import numpy as np
import pytest

from tfdeblur.degradations.recipes import UnfitImage, patch_positions
from tfdeblur.degradations.recipes.geometry import central_square, check_photo, cover, resized
from tfdeblur.images.resize import resize_bicubic, to_uint8


def test_central_square_leaves_an_odd_rest_below_and_on_the_right():
    image = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(central_square(image), image[:, :5])
    np.testing.assert_array_equal(central_square(image[:2]), image[:2, 2:4])
    np.testing.assert_array_equal(central_square(image.T), image.T[:5])


@pytest.mark.parametrize(
    ("size", "covered"),
    [
        ((218, 178), (218, 178)),
        ((436, 356), (218, 178)),
        ((1000, 300), (218, 178)),
        ((219, 1001), (218, 178)),
        ((217, 400), (217, 178)),
        ((400, 177), (218, 177)),
        ((150, 150), (150, 150)),
    ],
)
def test_cover_never_enlarges(make_photo, size, covered):
    assert cover(make_photo(*size), 218, 178).shape == (*covered, 3)


def test_what_just_covers_is_not_touched(make_photo):
    photo = make_photo(218, 178)
    assert np.shares_memory(cover(photo, 218, 178), photo)
    np.testing.assert_array_equal(cover(photo, 218, 178), photo)
    small = make_photo(160, 200)
    np.testing.assert_array_equal(cover(small, 218, 178), small[:, 11:189])


def test_cover_shrinks_as_little_as_it_can(make_photo):
    """300 x 500 px: 218 / 300 is the larger ratio; 363 columns, of which 178 in the middle."""
    photo = make_photo(300, 500)
    shrunk = to_uint8(resize_bicubic(photo, (218, 363)) / 255)
    np.testing.assert_array_equal(cover(photo, 218, 178), shrunk[:, 92:270])


def test_resized_keeps_what_has_the_size(make_photo):
    photo = make_photo(31, 20)
    assert resized(photo, 31, 20) is photo
    expected = to_uint8(resize_bicubic(photo, (13, 40)) / 255)
    np.testing.assert_array_equal(resized(photo, 13, 40), expected)


def test_sizes_are_named_width_first():
    with pytest.raises(UnfitImage, match=r"^must be at least 150x150 px. Got: 120x90.$"):
        check_photo(np.zeros((90, 120, 3), np.uint8), 150)


def test_patches_that_fit():
    assert patch_positions(9, 12, 4, 5) == [(0, 0), (0, 5), (5, 0), (5, 5)]
    assert patch_positions(4, 4, 4, 5) == [(0, 0)]
    assert patch_positions(3, 12, 4, 5) == []
