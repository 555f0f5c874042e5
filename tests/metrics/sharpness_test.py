"""Dark channel values that can be counted by hand.

A white 9x9 image with one black pixel in the middle and a 3x3 patch: the dark channel is 0 on the
3x3 pixels around it and 255 on the other 72.
"""

import cv2
import numpy as np
import pytest

from tfdeblur.metrics.sharpness import dark_channel, dark_channel_count, dark_channel_ratio


def _dot(size=9):
    image = np.full((size, size, 3), 255, np.uint8)
    image[size // 2, size // 2, 1] = 0  # One channel is enough: the minimum runs over RGB.
    return image


def test_dark_channel_is_a_local_minimum():
    expected = np.full((9, 9), 255, np.uint8)
    expected[3:6, 3:6] = 0
    np.testing.assert_array_equal(dark_channel(_dot(), patch=3), expected)
    np.testing.assert_array_equal(dark_channel(_dot(), patch=1), _dot().min(axis=2))


def test_border_counts_only_what_is_inside():
    np.testing.assert_array_equal(dark_channel(np.full((4, 5, 3), 200, np.uint8)), 200)


def test_count_and_threshold():
    assert dark_channel_count(_dot(), patch=3) == 72
    assert dark_channel_count(np.full((4, 4, 3), 26, np.uint8)) == 16  # 0.102
    assert dark_channel_count(np.full((4, 4, 3), 25, np.uint8)) == 0  # 0.098
    assert dark_channel_count(np.full((4, 4, 3), 13, np.uint8)) == 0  # 0.05


def test_ratio_of_equals_is_one_and_without_light_is_zero():
    assert dark_channel_ratio(_dot(), _dot(), patch=3) == pytest.approx(1.0, abs=1e-8)
    assert dark_channel_ratio(np.zeros((9, 9, 3), np.uint8), _dot(), patch=3) == 0.0
    assert dark_channel_ratio(_dot(), np.zeros((9, 9, 3), np.uint8), patch=3) == pytest.approx(
        72 / 1e-8
    )


def test_blur_raises_the_ratio():
    rng = np.random.default_rng(1)
    sharp = np.where(rng.random((64, 64, 1)) < 0.05, 0, 255).astype(np.uint8).repeat(3, axis=2)
    blurry = cv2.blur(sharp, (7, 7))
    assert dark_channel_ratio(blurry, sharp, patch=3) > 1.2


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="`patch` must be odd.*Got: 4"):
        dark_channel(_dot(), patch=4)
    with pytest.raises(ValueError, match="uint8.*float64"):
        dark_channel(_dot() / 255.0)
    with pytest.raises(ValueError, match="one size"):
        dark_channel_ratio(_dot(9), _dot(11))
