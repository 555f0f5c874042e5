"""Tiles give what one pass over the whole image gives."""

import numpy as np
import pytest

from tfdeblur.inference.tiling import restore_tiled

RADIUS = 3


def _box(images):
    """Mean over 7x7 with zeros beyond the border, then doubled: `[1, h, w, 3]` -> `[1, 2h, 2w, 3]`.

    Each output pixel depends on input up to RADIUS away, and on whether the border is near.
    """
    padded = np.pad(images[0].astype(np.int64), ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(0, 1))
    mean = (windows.sum(axis=(-1, -2)) // 49).astype(np.uint8)
    return mean.repeat(2, axis=0).repeat(2, axis=1)[None]


def _image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (17, 23), (40, 31), (64, 64)])
@pytest.mark.parametrize("tile", [1, 5, 16, 100])
@pytest.mark.parametrize("halo", [RADIUS, RADIUS + 2])
def test_exact_when_the_halo_covers_the_receptive_field(size, tile, halo):
    image = _image(*size)
    np.testing.assert_array_equal(restore_tiled(_box, image, 2, tile, halo), _box(image[None])[0])


def test_not_exact_below():
    """The test above can fail: one pixel of context less shows."""
    image = _image(40, 31)
    assert (restore_tiled(_box, image, 2, 8, RADIUS - 1) != _box(image[None])[0]).any()


def test_windows_have_one_size_and_start_at_multiples():
    """48x36 by multiples of 4: tile 10 -> 12, halo 3 -> 4, so that windows are 20 each way."""
    image = np.zeros((48, 36, 3), np.uint8)
    image[..., 0] = np.arange(48)[:, None]
    image[..., 1] = np.arange(36)
    seen = []

    def restore(windows):
        seen.append((windows.shape, tuple(windows[0, 0, 0, :2])))
        return windows

    np.testing.assert_array_equal(restore_tiled(restore, image, 1, 10, 3, 4), image)
    assert {shape for shape, _ in seen} == {(1, 20, 20, 3)}
    rows, columns = ({int(origin[axis]) for _, origin in seen} for axis in (0, 1))
    assert rows == {0, 8, 20, 28} and columns == {0, 8, 16}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": 0}, "`tile` must be at least 1 and `halo` 0. Got: 0 and 3."),
        ({"halo": -1}, "Got: 8 and -1."),
        ({"size_multiple": 4}, "sides that are multiples of 4. Got: 9x8."),
    ],
)
def test_bad_arguments(changes, message):
    arguments = {"tile": 8, "halo": 3, **changes}
    with pytest.raises(ValueError, match=message):
        restore_tiled(_box, _image(9, 8), 2, **arguments)
