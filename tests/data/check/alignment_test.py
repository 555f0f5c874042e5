"""Known shifts come back within the stated tolerance; what cannot be measured stays unsaid."""

import cv2
import numpy as np
import pytest

from tfdeblur.data.check.alignment import SMALLEST_SIDE, find_shift
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.images.resize import downscale, to_uint8

SIDE = 128
MARGIN = 16


def _lopsided_psf():
    """A bent stroke, thick at one end, whose centre of mass is its middle pixel."""
    psf = np.zeros((15, 15), np.float32)
    for step in range(8):
        psf[7 - step // 2, 5 + step] += 1 + 2 * (step < 3)
    rows, columns = np.mgrid[:15, :15]
    down, right = ((psf * axis).sum() / psf.sum() - 7 for axis in (rows, columns))
    move = np.float32([[1, 0, -right], [0, 1, -down]])
    return cv2.warpAffine(psf / psf.sum(), move, (15, 15), flags=cv2.INTER_LINEAR)


def _page(index):
    return TextRecipe(patch_size=160, patches_per_page=1).pair(11, index, "train").target


def _shifted(page, right, down, noise):
    """Blur, shift and add noise to the middle of a page; returns (degraded, target)."""
    psf = _lopsided_psf()
    blurred = cv2.filter2D(page.astype(np.float32), -1, psf[::-1, ::-1])
    move = np.float32([[1, 0, right], [0, 1, down]])
    moved = cv2.warpAffine(blurred, move, page.shape[1::-1], flags=cv2.INTER_CUBIC)
    moved += noise * np.random.default_rng(0).standard_normal(moved.shape)
    inner = slice(MARGIN, MARGIN + SIDE)
    return to_uint8(moved[inner, inner] / 255), page[inner, inner]


@pytest.mark.parametrize("noise", [0, 7])
@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (9, 6), (0.5, -0.25), (-2.25, 1.5)])
def test_known_shifts_within_tolerance(shift, noise):
    for index in (1, 2, 3):
        found = find_shift(*_shifted(_page(index), *shift, noise), 1)
        assert found is not None
        assert np.hypot(found.right - shift[0], found.down - shift[1]) <= found.tolerance
        assert found.tolerance < 2.5 and found.spread > 1


def test_shift_is_in_pixels_of_the_target():
    page = TextRecipe(patch_size=300, patches_per_page=1).pair(11, 1, "train").target
    moved = downscale(page[8:264, 0:256] / np.float32(255), 4)
    found = find_shift(to_uint8(moved), page[0:256, 12:268], 4)
    assert found is not None and found.length > found.tolerance
    # The degraded image begins 8 px lower and 12 px further left.
    assert found.right == pytest.approx(12, abs=0.5)
    assert found.down == pytest.approx(-8, abs=0.5)


def test_same_image_is_not_shifted():
    page = _page(1)
    found = find_shift(page, page, 1)
    assert found is not None
    assert found.length < 0.01 and found.spread < 0.5
    assert found.confidence > 30


def test_no_shift_where_nothing_can_be_measured():
    page = _page(1)
    flat = np.full_like(page, 255)
    assert find_shift(flat, page, 1) is None
    assert find_shift(page, flat, 1) is None
    small = page[: SMALLEST_SIDE - 1]
    assert find_shift(small, small, 1) is None
    for index in range(2, 8):
        assert find_shift(_page(index), page, 1) is None


def test_large_images_are_judged_by_a_part_with_content():
    sheet = np.full((900, 700, 3), 255, np.uint8)
    sheet[700:860, 500:660] = _page(1)
    moved = np.roll(sheet, (2, -3), axis=(0, 1))
    found = find_shift(moved, sheet, 1)
    assert found is not None
    assert (found.right, found.down) == pytest.approx((-3, 2), abs=0.3)


def test_sizes_must_fit_the_scale():
    with pytest.raises(ValueError, match="must be 2 times as large"):
        find_shift(np.zeros((30, 30, 3), np.uint8), np.zeros((60, 61, 3), np.uint8), 2)
