"""Where pictures land in a sheet, to the pixel, and that captions leave ink."""

import numpy as np
import pytest

from tfdeblur.reporting.sheets import (
    LINE_HEIGHT,
    MARGIN,
    PAPER,
    Picture,
    contact_sheet,
)


def _flat(level, height=200, width=170):
    return np.full((height, width, 3), level, np.uint8)


def test_layout_to_the_pixel():
    sheet = contact_sheet([[Picture(_flat(10), "a"), Picture(_flat(90), "b")]] * 3)
    height = MARGIN + 3 * (200 + LINE_HEIGHT + MARGIN)
    assert sheet.shape == (height, MARGIN + 2 * (170 + MARGIN), 3) and sheet.dtype == np.uint8
    top = MARGIN + (200 + LINE_HEIGHT + MARGIN)  # second row
    left = MARGIN + (170 + MARGIN)  # second column
    np.testing.assert_array_equal(sheet[top : top + 200, MARGIN : MARGIN + 170], 10)
    np.testing.assert_array_equal(sheet[top : top + 200, left : left + 170], 90)
    np.testing.assert_array_equal(sheet[:MARGIN], PAPER)


def test_captions_leave_ink_within_their_cell():
    blank = contact_sheet([[Picture(_flat(10), "\n"), Picture(_flat(90), "")]])
    drawn = contact_sheet([[Picture(_flat(10), "first\n" + 60 * "long "), Picture(_flat(90), "")]])
    changed = np.argwhere(np.any(blank != drawn, axis=2))
    assert len(changed) > 100
    assert changed[:, 0].min() >= MARGIN + 200
    assert changed[:, 1].max() < MARGIN + 170 + MARGIN  # The neighbour's caption is untouched.


def test_small_pictures_are_enlarged_by_one_whole_factor():
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    sheet = contact_sheet([[Picture(image, ""), Picture(image[:2, :2], "")]], smallest=13)
    factor = 3  # ceil(13 / 5)
    shown = sheet[MARGIN : MARGIN + 4 * factor, MARGIN : MARGIN + 5 * factor]
    np.testing.assert_array_equal(shown, image.repeat(factor, 0).repeat(factor, 1))
    left = MARGIN + 5 * factor + MARGIN
    second = sheet[MARGIN : MARGIN + 2 * factor, left : left + 2 * factor]
    np.testing.assert_array_equal(second, image[:2, :2].repeat(factor, 0).repeat(factor, 1))


def test_large_pictures_are_cropped_around_the_centre():
    image = np.zeros((30, 50, 3), np.uint8)
    image[10:20, 20:30] = 200
    sheet = contact_sheet([[Picture(image, "")]], smallest=1, largest=10)
    np.testing.assert_array_equal(sheet[MARGIN : MARGIN + 10, MARGIN : MARGIN + 10], 200)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([[]])
    with pytest.raises(ValueError, match="'page 3' must be .* uint8.*float64"):
        contact_sheet([[Picture(np.zeros((4, 4, 3)), "page 3")]])
