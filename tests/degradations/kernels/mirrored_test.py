"""The blur of windows of 8-bit images: against the sum itself, bit by bit where it says so."""

import numpy as np
import pytest

from tfdeblur.degradations.kernels import (
    blur_mirrored,
    gaussian_psf,
    spline_psf,
    text_psf,
    trajectory_psf,
)

FAMILIES = {
    "text": lambda rng: text_psf(rng)[0],
    "trajectory": lambda rng: trajectory_psf(rng)[0],
    "spline": lambda rng: spline_psf(rng)[0],
    "dense": lambda rng: gaussian_psf(4.0, 3.0, rng.uniform(0, 180)),
    "off centre": lambda rng: np.eye(1, 81, 80, np.float32).reshape(9, 9),
    "thin": lambda rng: np.eye(1, 151**2, 151 * 75 + 3, np.float32).reshape(151, 151),
}
SHAPES = [(37, 50, 3), (45, 33, 1), (41, 52), (5, 7, 3), (3, 3), (1, 4, 3)]


def convolve(image, psf):
    """Sum, in float64, shifted copies of the mirrored image."""
    half = len(psf) // 2
    pad = [(half, half), (half, half)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image.astype(np.float64), pad, "symmetric")
    blurred = np.zeros(image.shape)
    for row, column in zip(*np.nonzero(psf), strict=True):
        top, left = 2 * half - row, 2 * half - column
        shifted = padded[top : top + image.shape[0], left : left + image.shape[1]]
        blurred += float(psf[row, column]) * shifted
    return blurred


def noise(shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_sum(family, shape):
    """To what rounding the weights to 2^-16 moves: rounded levels are off in one of 50."""
    image, psf = noise(shape), FAMILIES[family](np.random.default_rng(1))
    blurred = blur_mirrored(image, psf)
    assert (blurred.shape, blurred.dtype) == (shape, np.float32)
    np.testing.assert_allclose(blurred, convolve(image, psf), atol=0.03)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_window_is_cut_out_of_the_whole(family, shape):
    """Bit by bit, but for the Fourier transform of dense kernels."""
    rng = np.random.default_rng(2)
    image, psf = noise(shape), FAMILIES[family](rng)
    whole = blur_mirrored(image, psf)
    for _ in range(8):
        height, width = (int(rng.integers(1, side + 1)) for side in shape[:2])
        top, left = (
            int(rng.integers(side - size + 1))
            for side, size in zip(shape, (height, width), strict=False)
        )
        window = blur_mirrored(image, psf, (top, left, height, width))
        expected = whole[top : top + height, left : left + width]
        np.testing.assert_allclose(window, expected, rtol=0, atol=5e-4 * (family == "dense"))


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "dense"])
def test_sums_are_exact(family):
    """Whole numbers of 2^-16: nothing was rounded on the way, in whatever order it was summed."""
    blurred = blur_mirrored(noise((60, 61, 3)), FAMILIES[family](np.random.default_rng(3)))
    units = blurred.astype(np.float64) * 65536
    np.testing.assert_array_equal(units, np.rint(units))


@pytest.mark.parametrize("level", [0, 1, 200, 255])
def test_constants_stay_constant(level):
    image = np.full((40, 43, 3), level, np.uint8)
    for seed in range(20):
        for family in ("text", "trajectory", "spline"):
            psf = FAMILIES[family](np.random.default_rng(seed))
            np.testing.assert_array_equal(blur_mirrored(image, psf), level)


def test_symmetric_kernels_keep_the_mean():
    """What a mirrored border takes away on one side it gives back on the other."""
    image = noise((30, 41))
    for sigma in (0.5, 1.0, 2.0):
        blurred = blur_mirrored(image, gaussian_psf(sigma))
        assert blurred.mean(dtype=np.float64) == pytest.approx(image.mean(), abs=1e-3)


def test_a_kernel_of_one_pixel_changes_nothing():
    image = noise((9, 8, 3))
    np.testing.assert_array_equal(blur_mirrored(image, np.ones((1, 1), np.float32)), image)


def test_an_impulse_becomes_the_kernel():
    """Unturned: convolution, not correlation."""
    image = np.zeros((31, 33), np.uint8)
    image[14, 16] = 255
    psf = FAMILIES["trajectory"](np.random.default_rng(0))
    half = len(psf) // 2
    found = blur_mirrored(image, psf)[14 - half : 15 + half, 16 - half : 17 + half]
    np.testing.assert_allclose(found / 255, psf, atol=2**-16)


@pytest.mark.parametrize(
    ("image", "psf", "window", "message"),
    [
        (np.zeros((9, 9)), np.ones((1, 1)), None, r"`image` must be .* uint8. Got: \(9, 9\) float"),
        (noise((9,)), np.ones((1, 1)), None, r"`image` must be .* uint8. Got: \(9,\) uint8"),
        (noise((9, 9)), np.full((2, 2), 0.25), None, r"odd side.* Got: \(2, 2\)"),
        (noise((9, 9)), np.full((1, 3), 1 / 3), None, r"odd side.* Got: \(1, 3\)"),
        (noise((9, 9)), np.full((3, 3), 0.2), None, "of sum 1. Got: .* a sum of 1.8"),
        (noise((9, 9)), np.diag([-1.0, 1.0, 1.0]), None, "non-negative .* values from -1"),
        (noise((9, 9)), np.ones((1, 1)), (0, 0, 10, 9), r"`window` must lie in \(9, 9\)"),
        (noise((9, 9)), np.ones((1, 1)), (0, -1, 3, 3), r"`window` must lie in \(9, 9\)"),
    ],
)
def test_bad_arguments_are_refused(image, psf, window, message):
    with pytest.raises(ValueError, match=message):
        blur_mirrored(image, np.asarray(psf, np.float32), window)
