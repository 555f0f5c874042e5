"""Colours behind transparent pixels."""

import numpy as np

from tfdeblur.images.transparency import extend_colours, on_white


def test_visible_colours_stay_and_continue():
    """A disc of one colour on hidden black: all that is hidden takes the disc's colour."""
    rows, columns = np.mgrid[:41, :57]
    alpha = np.where((rows - 20) ** 2 + (columns - 30) ** 2 < 90, 255, 0).astype(np.uint8)
    rgb = np.where(alpha[..., None] > 0, np.uint8((250, 40, 90)), np.uint8(0)).astype(np.uint8)
    assert (extend_colours(rgb, alpha) == (250, 40, 90)).all()


def test_the_nearer_colour_counts_more():
    alpha = np.zeros((1, 64), np.uint8)
    alpha[0, 0] = alpha[0, -1] = 255
    rgb = np.zeros((1, 64, 3), np.uint8)
    rgb[0, 0], rgb[0, -1] = 200, 100
    filled = extend_colours(rgb, alpha)[0, :, 0].astype(int)
    assert filled[0] == 200 and filled[-1] == 100
    assert (np.diff(filled) <= 0).all() and filled[3] > 180 > 120 > filled[-4]


def test_half_transparent_colours_stay():
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    alpha = np.random.default_rng(1).choice(np.uint8([0, 1, 128]), (9, 7))
    kept = alpha > 0
    np.testing.assert_array_equal(extend_colours(rgb, alpha)[kept], rgb[kept])


def test_all_or_nothing_transparent_is_left_alone():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    for level in (0, 255):
        alpha = np.full((5, 4), level, np.uint8)
        np.testing.assert_array_equal(extend_colours(rgb, alpha), rgb)


def test_on_white():
    """By hand: 0.2 * (0, 100, 200) + 0.8 * 255 = (204, 224, 244)."""
    laid = on_white(np.uint8([[[0, 100, 200]]]), np.uint8([[51]]))
    assert laid.tolist() == [[[204, 224, 244]]]
