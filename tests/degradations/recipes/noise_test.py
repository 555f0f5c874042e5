import numpy as np
import pytest

from tfdeblur.degradations.recipes.noise import add_noise, reduce_noisily


def test_noise_is_normal():
    """Mean, variance, kurtosis and shares within 1, 2 and 3 deviations, over a million values."""
    noise = add_noise(np.zeros((1000, 1000), np.uint8), np.random.default_rng(0), 1.0)
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.004)
    assert noise.var() == pytest.approx(1, abs=0.006)
    assert np.mean(noise.astype(float) ** 4) == pytest.approx(3, abs=0.03)
    for deviations, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert np.mean(np.abs(noise) < deviations) == pytest.approx(share, abs=0.002)
    assert 3.6 < np.abs(noise).max() < 3.7


def test_noise_is_white():
    noise = add_noise(np.zeros((400, 400, 3)), np.random.default_rng(1), 1.0)
    for step in ((0, 1, 0), (1, 0, 0), (0, 0, 1)):
        neighbours = np.roll(noise, step, axis=(0, 1, 2))
        assert np.mean(noise * neighbours) == pytest.approx(0, abs=0.006)


def test_noise_has_its_strength_and_its_image():
    image = np.full((300, 300), 90, np.uint8)
    noisy = add_noise(image, np.random.default_rng(2), 2.55)
    assert noisy.mean() == pytest.approx(90, abs=0.05)
    assert noisy.std() == pytest.approx(2.55, rel=0.01)


def test_no_noise_draws_nothing():
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(add_noise(np.array([7, 8], np.uint8), rng, 0.0), [7, 8])
    assert rng.integers(1 << 62) == np.random.default_rng(3).integers(1 << 62)


@pytest.mark.parametrize(("stage", "gain"), [("hr", 0.2035), ("lr", 1.0)])
def test_reduction_averages_noise_that_comes_before_it(stage, gain):
    """The bicubic weights' squares sum to 0.2035 along each axis."""
    grey = np.full((512, 512, 3), 127.0, np.float32)
    lr = reduce_noisily(grey, np.random.default_rng(4), 0.1, stage, 4)
    assert lr.shape == (128, 128, 3)
    assert lr.std() == pytest.approx(25.5 * gain, rel=0.03)


def test_blur_is_rounded_before_it_is_reduced():
    """0.4 and 1.4 everywhere are 0 and 1 after rounding, at either stage."""
    for stage in ("hr", "lr"):
        for level, rounded in ((0.4, 0), (1.4, 1)):
            lr = reduce_noisily(
                np.full((16, 16, 3), level, np.float32), np.random.default_rng(0), 0.0, stage, 4
            )
            np.testing.assert_array_equal(lr, rounded)
