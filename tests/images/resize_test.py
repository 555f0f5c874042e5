import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.images.resize import (
    cubic,
    downscale,
    luma,
    resize_bicubic,
    round_levels,
    to_uint8,
    upscale,
)

# Keys' cubic (a = -0.5) at 1/8, 3/8, ... 15/8, divided by 4, in units of 1/4096: the weights of the
# eight source pixels on either side of an output pixel when shrinking by 4. They sum to 2048.
QUARTER = np.array([987, 745, 399, 93, -49, -75, -45, -7])


def shrink_line(line: np.ndarray) -> np.ndarray:
    """Shrink a line by 4, as one row of an image with 4 equal rows; in units of 1/4096."""
    return downscale(np.tile(np.asarray(line, np.float64), (4, 1)), 4)[0] * 4096


def test_shrinking_an_interior_impulse():
    """Output i is centred on 4i + 1.5; pixel 13 is 7.5, 3.5, 0.5 and 4.5 px from outputs 1 to 4."""
    line = np.zeros(32)
    line[13] = 1
    np.testing.assert_allclose(shrink_line(line), [0, -7, 93, 987, -49, 0, 0, 0], atol=1e-3)


def test_shrinking_an_impulse_at_the_border():
    """Mirrored, pixel 0 stands at -1 too: 745 + 399 for output 0, -75 - 45 for output 1."""
    line = np.zeros(16)
    line[0] = 1
    np.testing.assert_allclose(shrink_line(line), [1144, -120, 0, 0], atol=1e-3)


def test_shrinking_a_step():
    """Output 0 has pixels 8 and 9 at 6.5 and 7.5 px: -45 - 7; output 1 has 8 to 13: 316."""
    line = np.repeat([0.0, 1.0], 8)
    expected = [-52, 399 + 93 - 49 - 75 - 45 - 7, 4096 - 316, 4096 + 52]
    np.testing.assert_allclose(shrink_line(line), expected, atol=1e-3)


def test_the_weights_above_are_the_cubics():
    """1.5 x^3 - 2.5 x^2 + 1 up to 1, then -0.5 x^3 + 2.5 x^2 - 4 x + 2."""
    x = np.arange(1, 16, 2) / 8
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    np.testing.assert_array_equal(np.where(x < 1, near, far) * 1024, QUARTER)
    assert QUARTER.sum() == 2048


def test_doubling_an_impulse():
    """Output pixels lie 1/4, 3/4, 5/4 and 7/4 px from it; the cubic there, in units of 1/256."""
    line = np.zeros((1, 6))
    line[0, 3] = 1
    weights = [-6, -18, 58, 222]
    expected = [0, 0, 0, *weights, *weights[::-1], 0]
    np.testing.assert_allclose(upscale(line, 2)[0] * 256, expected, atol=1e-4)
    np.testing.assert_allclose(upscale(line, 2)[1] * 256, expected, atol=1e-4)


def test_is_separable():
    rng = np.random.default_rng(0)
    column, row = rng.random(16), rng.random(24)
    expected = np.outer(shrink_line(column), shrink_line(row)) / 4096**2
    np.testing.assert_allclose(downscale(np.outer(column, row), 4), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(7, 5), (28, 20), (100, 3), (1, 1), (13, 40)])
def test_constants_stay_constant(size):
    resized = resize_bicubic(np.full((28, 20, 3), 0.7), size)
    assert resized.shape == (*size, 3)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size"), [((64, 48), (16, 12)), ((16, 12), (64, 48)), ((60, 60), (25, 45))]
)
def test_interior_equals_tensorflow(shape, size):
    """TensorFlow normalises the weights at borders anew where MATLAB mirrors the image."""
    image = np.random.default_rng(1).random((*shape, 3)).astype(np.float32)
    expected = tf.image.resize(image, size, "bicubic", antialias=True).numpy()
    resized = resize_bicubic(image, size)
    border = [4 * max(1, after // before) for before, after in zip(shape, size, strict=True)]
    inside = tuple(slice(width, -width) for width in border)
    np.testing.assert_allclose(resized[inside], expected[inside], atol=1e-5)
    assert np.abs(resized - expected).max() > 1e-3


def test_channels_and_dtypes_are_independent():
    image = np.random.default_rng(2).integers(0, 256, (8, 12, 3), np.uint8)
    resized = resize_bicubic(image, (5, 30))
    for channel in range(3):
        alone = resize_bicubic(image[..., channel].astype(np.float64), (5, 30))
        np.testing.assert_array_equal(resized[..., channel], alone)


@pytest.mark.parametrize("channels", [1, 4, 5, 9])
def test_any_number_of_channels(channels):
    image = np.random.default_rng(3).random((20, 12, channels))
    resized = resize_bicubic(image, (7, 31))
    assert resized.shape == (7, 31, channels)
    np.testing.assert_array_equal(resized[..., -1], resize_bicubic(image[..., -1], (7, 31)))


def weights_of(length, resized):
    """Return `[resized, length]`: what each pixel of a line weighs, mirrored at both ends."""
    scale = resized / length
    stretch = min(scale, 1)
    weights = np.zeros((resized, length))
    for row in range(resized):
        centre = (row + 0.5) / scale - 0.5
        reach = int(np.ceil(2 / stretch)) + 1
        for source in range(int(centre) - reach, int(centre) + reach + 2):
            place = source % (2 * length)
            place = min(place, 2 * length - 1 - place)
            weights[row, place] += cubic(np.array((source - centre) * stretch))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("size", "resized"), [((211, 100), (70, 99)), ((97, 98), (300, 24)), ((400, 8), (9, 160))]
)
def test_images_of_any_size_are_sums_of_weighted_pixels(size, resized):
    image = np.random.default_rng(4).random(size)
    rows, columns = (weights_of(*lengths) for lengths in zip(size, resized, strict=True))
    expected = rows @ image @ columns.T
    np.testing.assert_allclose(resize_bicubic(image, resized), expected, atol=1e-6)


@pytest.mark.parametrize(("scale", "units"), [(2, 256), (4, 4096)])
@pytest.mark.parametrize("size", [(32, 48), (136, 120)])
def test_eight_bits_shrunk_by_two_and_four_are_exact(size, scale, units):
    """Weights are whole multiples of 1/256 and 1/4096: nothing is rounded but the result."""
    image = np.random.default_rng(5).integers(0, 256, size, np.uint8)
    rows, columns = (units * weights_of(length, length // scale) for length in size)
    np.testing.assert_allclose(rows, np.rint(rows), atol=1e-9)
    whole = np.rint(rows).astype(int) @ image @ np.rint(columns).astype(int).T
    expected = (whole / units**2).astype(np.float32)
    np.testing.assert_array_equal(downscale(image, scale), expected)


def test_a_single_pixel_can_be_enlarged():
    np.testing.assert_allclose(upscale(np.full((1, 1, 3), 9, np.uint8), 4), 9, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resize_bicubic(np.zeros(4), (2, 2)), r"`image` must be .* Got: \(4,\)"),
        (lambda: resize_bicubic(np.zeros((0, 4)), (2, 2)), r"`image` must be .* Got: \(0, 4\)"),
        (lambda: resize_bicubic(np.zeros((4, 4)), (0, 2)), r"`size` must be .* Got: \(0, 2\)"),
        (lambda: downscale(np.zeros((8, 6)), 4), "multiples of 4. Got: 8x6"),
        (lambda: upscale(np.zeros((8, 6)), 0), "`scale` must be at least 1. Got: 0"),
        (lambda: luma(np.zeros((8, 6))), r"`image` must have 3 channels last. Got: \(8, 6\)"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_to_uint8_rounds_half_to_even_and_clips():
    levels = np.array([-3, 0, 0.5, 1.5, 2.5, 127.4, 254.6, 255, 300])
    converted = to_uint8(levels / 255)
    assert converted.dtype == np.uint8
    assert converted.tolist() == [0, 0, 0, 2, 2, 127, 255, 255, 255]


@pytest.mark.parametrize("shape", [(1,), (4,), (4, 1), (2, 2), (1, 1, 3), (5, 4, 3), (2, 3, 4, 3)])
def test_levels_of_any_shape(shape):
    """OpenCV takes some short arrays for scalars."""
    levels = np.linspace(-20, 280, int(np.prod(shape))).reshape(shape)
    expected = np.clip(np.rint(levels), 0, 255)
    found = round_levels(levels.astype(np.float32))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(to_uint8(levels / 255), expected)


def test_to_uint8_returns_every_level():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(levels / np.float32(255)), levels)


def test_luma_of_known_colours():
    """16 + 219 v for grey v; the three primaries are the coefficients."""
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]])
    expected = [16, 235, 16 + 65.481, 16 + 128.553, 16 + 24.966]
    np.testing.assert_allclose(luma(colours), expected, rtol=1e-12)
    np.testing.assert_allclose(luma(np.full((2, 2, 3), 51, np.uint8)), 16 + 219 / 5, rtol=1e-12)
