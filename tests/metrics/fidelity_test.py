"""PSNR and SSIM against values derived by hand and against TensorFlow and scikit-image.

By hand: an error of 51 levels everywhere, 10 log10(255^2 / 51^2) = 10 log10 25 = 13.9794 dB; in one
quarter of the pixels, 10 log10 100 = 20 dB. SSIM of black against white: C1 / (L^2 + C1) with
C1 = (0.01 L)^2, that is 1e-4 / (1 + 1e-4).
"""

import math

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from tfdeblur.metrics.fidelity import PSNR_CAP, cap_psnr, psnr, ssim


def _constant(level, height=16, width=16):
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (37, 29, 3), dtype=np.uint8)
    noise = rng.normal(0, 12, target.shape)
    return np.clip(target + noise, 0, 255).astype(np.uint8), target


def test_psnr_by_hand():
    assert psnr(_constant(51), _constant(0)) == pytest.approx(10 * math.log10(25), abs=1e-12)
    quarter = _constant(0)
    quarter[:8, :8] = 51
    assert psnr(quarter, _constant(0)) == pytest.approx(20.0, abs=1e-12)


def test_luma_adds_132_hundredths_on_grey():
    gain = psnr(_constant(60), _constant(50), colour="y") - psnr(_constant(60), _constant(50))
    assert gain == pytest.approx(20 * math.log10(255 / 219), abs=1e-9)


def test_identical_images_are_infinite_and_capped():
    assert psnr(_constant(7), _constant(7)) == math.inf
    assert cap_psnr(math.inf) == PSNR_CAP == 100.0
    assert cap_psnr(31.5) == 31.5


def test_border_is_cropped_first():
    framed = _constant(90)
    framed[:2] = framed[-2:] = framed[:, :2] = framed[:, -2:] = 0
    assert psnr(framed, _constant(90), crop_border=2) == math.inf
    assert psnr(framed, _constant(90), crop_border=1) < 30
    assert ssim(framed, _constant(90), crop_border=2) == 1.0


def test_psnr_equals_tensorflow(pair):
    expected = float(tf.image.psnr(*pair, max_val=255))
    assert psnr(*pair) == pytest.approx(expected, abs=1e-4)


def test_ssim_by_hand():
    assert ssim(_constant(0), _constant(255)) == pytest.approx(1e-4 / (1 + 1e-4), rel=1e-9)
    assert ssim(_constant(9), _constant(9)) == 1.0


def test_ssim_equals_tensorflow_and_scikit_image(pair):
    value = ssim(*pair)
    assert value == pytest.approx(float(tf.image.ssim(*pair, max_val=255)), abs=1e-5)
    expected = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert value == pytest.approx(expected, abs=1e-9)


def test_ssim_of_luma_equals_scikit_image(pair):
    from tfdeblur.images.resize import luma

    expected = structural_similarity(
        luma(pair[0]),
        luma(pair[1]),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(*pair, colour="y") == pytest.approx(expected, abs=1e-9)


def test_smallest_image_of_ssim():
    assert ssim(_constant(3, 11, 11), _constant(3, 11, 11)) == 1.0
    with pytest.raises(ValueError, match="at least 11x11 px.*Got: 10x40"):
        ssim(_constant(3, 10, 40), _constant(3, 10, 40))
    with pytest.raises(ValueError, match="`crop_border` = 3.*Got: 10x10"):
        ssim(_constant(3), _constant(3), crop_border=3)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_bad_input_is_named(metric):
    with pytest.raises(ValueError, match=r"one size.*\(16, 16, 3\) and \(16, 17, 3\)"):
        metric(_constant(0), _constant(0, 16, 17))
    with pytest.raises(ValueError, match="`target` must be .* uint8.*float32"):
        metric(_constant(0), _constant(0).astype(np.float32))
    with pytest.raises(ValueError, match=r"`restored` must be \[H, W, 3\]"):
        metric(_constant(0)[..., 0], _constant(0))
    with pytest.raises(ValueError, match="`colour` must be one of"):
        metric(_constant(0), _constant(0), colour="Y")
    with pytest.raises(ValueError, match="leave something of 16x16. Got: 8"):
        metric(_constant(0), _constant(0), crop_border=8)
