"""Each preset's colours and border, and what it says of itself."""

import numpy as np
import pytest

from tfdeblur.evaluation.protocols import PROTOCOLS, Protocol, make_protocol


@pytest.mark.parametrize(
    ("name", "expected"),
    [("rgb", ("rgb", 0)), ("rgb_crop", ("rgb", 4)), ("y", ("y", 0)), ("y_crop", ("y", 4))],
)
def test_presets(name, expected):
    protocol = make_protocol(name, scale=4)
    assert (protocol.name, protocol.colour, protocol.crop_border) == (name, *expected)
    assert name in PROTOCOLS
    assert protocol.minimum_size == 11 + 2 * expected[1]


def test_default_is_rgb_without_crop():
    assert make_protocol() == Protocol("rgb", "rgb", 0)
    assert make_protocol().description.startswith("RGB, no crop, 8-bit")
    assert make_protocol("y_crop", 2).description.startswith("MATLAB luma (Y), 2 px cropped")


def test_scores_follow_the_protocol():
    target = np.full((24, 24, 3), 100, np.uint8)
    restored = target.copy()
    restored[0] = 0
    assert make_protocol("rgb_crop", 4).psnr(restored, target) == 100.0
    assert make_protocol("rgb_crop", 4).ssim(restored, target) == 1.0
    # One row of 24 is off by 100 levels: 10 log10(255^2 * 24 / 100^2) = 21.9329 dB.
    assert make_protocol("rgb").psnr(restored, target) == pytest.approx(21.9329, abs=1e-4)
    gain = make_protocol("y").psnr(restored, target) - make_protocol("rgb").psnr(restored, target)
    assert gain == pytest.approx(1.3219, abs=1e-4)


def test_unknown_name():
    with pytest.raises(ValueError, match="one of rgb, rgb_crop, y, y_crop. Got: 'ycbcr'"):
        make_protocol("ycbcr")
