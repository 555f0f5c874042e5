"""Motion flows: laws, distributions, and the two ways to blur along them."""

import cv2
import numpy as np
import pytest
from line_blur import blur_along, line_psf

from tfdeblur.degradations import motion_flow as mf
from tfdeblur.degradations.motion_flow import Motion, motion_flow, warp_blur

BLURS = pytest.mark.parametrize("blur", [blur_along, warp_blur])


def constant_flow(u, v, size=(40, 44)):
    return np.full((*size, 2), (u, v), np.float32)


def drawn_flow(seed, level="strong", size=(96, 90)):
    return motion_flow(mf.draw_motion(np.random.default_rng(seed), level), size)


def noise(size, channels=3, seed=0):
    return np.random.default_rng(seed).random((*size, channels)).astype(np.float32)


def test_no_motion_is_no_flow():
    np.testing.assert_array_equal(motion_flow(Motion(), (5, 8)), np.zeros((5, 8, 2)))


def test_pure_translation_is_constant():
    flow = motion_flow(Motion(translation_x=3.5, translation_y=-2.0), (6, 9))
    np.testing.assert_array_equal(flow, constant_flow(3.5, -2.0, (6, 9)))


def test_acceleration_grows_across_the_image():
    """Width 4, tx = 8, ax = 0.5: u = 8 * 0.75 + 4 x / 4 = 7, 8, 9, 10 for x = 1..4. Height 2,
    ty = 4, ay = 1: v = 4 * 0.5 + 4 (3 - y) / 2 = 6, 4 for y = 1, 2."""
    motion = Motion(translation_x=8, acceleration_x=0.5, translation_y=4, acceleration_y=1)
    flow = motion_flow(motion, (2, 4))
    np.testing.assert_allclose(flow[..., 0], [[7, 8, 9, 10]] * 2, rtol=1e-6)
    np.testing.assert_allclose(flow[..., 1], [[6] * 4, [4] * 4], rtol=1e-6)


def test_pure_rotation_is_tangential():
    """0 at the centre, tan(rotation) r elsewhere, at right angles to the radius; x turns to y."""
    flow = motion_flow(Motion(rotation=0.04), (21, 31))
    right, down = np.meshgrid(np.arange(31) - 15, np.arange(21) - 10)
    np.testing.assert_array_equal(flow[10, 15], 0)
    radius = np.hypot(right, down)
    np.testing.assert_allclose(np.hypot(*flow.T).T, np.tan(0.04) * radius, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(flow[..., 0] * right + flow[..., 1] * down, 0, atol=1e-4)
    assert flow[10, 30, 1] > 0


def test_pure_zoom_is_radial():
    """zoom r^1.5 away from the centre."""
    flow = motion_flow(Motion(zoom=0.005), (21, 31))
    right, down = np.meshgrid(np.arange(31) - 15, np.arange(21) - 10)
    radius = np.hypot(right, down)
    np.testing.assert_allclose(np.hypot(*flow.T).T, 0.005 * radius**1.5, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(flow[..., 0] * down, flow[..., 1] * right, atol=1e-4)
    assert (flow[..., 0] * right + flow[..., 1] * down >= 0).all()


def test_the_centre_is_shifted():
    flow = motion_flow(Motion(rotation=0.1, zoom=0.01, shift_x=3, shift_y=-2), (21, 31))
    np.testing.assert_array_equal(np.argwhere(~flow.any(axis=2)), [[8, 18]])


@pytest.mark.parametrize("level", ["strong", "mild"])
def test_draws_fill_their_bounds_and_come_from_the_generator(level):
    drawn = [mf.draw_motion(np.random.default_rng(seed), level) for seed in range(200)]
    most = mf.MOTION_LEVELS[level]
    for name, bound in {
        "translation_x": most.translation,
        "translation_y": most.translation,
        "acceleration_x": most.acceleration,
        "zoom": most.zoom,
        "rotation": most.rotation,
        "shift_y": most.shift,
    }.items():
        values = np.array([getattr(motion, name) for motion in drawn]) / bound
        assert -1 <= values.min() < -0.9
        assert 0.9 < values.max() <= 1
        assert abs(values.mean()) < 0.15
    assert mf.draw_motion(np.random.default_rng(3), level) == drawn[3]


@pytest.mark.parametrize(("level", "expected"), [("strong", (8, 22, 32)), ("mild", (5, 16, 22))])
def test_flows_are_as_long_as_those_of_the_authors_code(level, expected):
    """Mean |flow| of 256 x 256 px, 5th, 50th and 95th percentile, to 20 %."""
    means = []
    for seed in range(150):
        flow = drawn_flow(seed, level, (256, 256))
        means.append(np.hypot(flow[..., 0], flow[..., 1]).mean())
    np.testing.assert_allclose(np.percentile(means, [5, 50, 95]), expected, rtol=0.2)


def test_quantised_flow_is_whole_and_rounds_away_from_zero():
    flow = np.array([[[0.5, -0.5], [1.49, -2.51], [-0.2, 0.0]]], np.float32)
    quantised = mf.quantise_flow(flow)
    np.testing.assert_array_equal(quantised, [[[1, -1], [1, -3], [0, 0]]])
    assert quantised.dtype == np.float32
    assert not np.signbit(quantised[0, 2]).any()


def test_line_of_five_pixels():
    expected = np.zeros((5, 5))
    expected[2] = 0.2
    np.testing.assert_allclose(line_psf(5, 0), expected, atol=1e-7)
    np.testing.assert_allclose(line_psf(5, 90), expected.T, atol=1e-7)
    np.testing.assert_allclose(line_psf(5, 180), line_psf(5, 0), atol=1e-7)
    assert np.count_nonzero(line_psf(5, 90)) == 5  # The cosine of 90 degrees is not quite 0.


def test_line_at_45_degrees():
    """Length 3, half 1. Middle: on the line, 1. Upper right and lower left: sqrt(2) along the line,
    sqrt(2) - 1 past its end, 2 - sqrt(2). The pixels beside the middle: h = sqrt(1/2) off the line
    and h along it, at the distance 1 >= half, so 1 - hypot(h, 1 - h). Other corners: off by
    sqrt(2), 0."""
    h = np.sqrt(0.5)
    beside, end = 1 - np.hypot(h, 1 - h), 2 - np.sqrt(2)
    expected = np.array([[0, beside, end], [beside, 1, beside], [end, beside, 0]])
    np.testing.assert_allclose(line_psf(3, 45), expected / expected.sum(), atol=1e-7)


@pytest.mark.parametrize("length", [0.0, 0.7, 1.0])
def test_short_lines_are_the_identity(length):
    np.testing.assert_array_equal(line_psf(length, 30), [[1]])


def test_lines_keep_the_laws_of_kernels():
    """Sum 1, odd side, symmetric about the centre; nothing is cut off at the rim."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        length, angle = rng.uniform(1.01, 40), rng.uniform(-360, 360)
        psf = line_psf(length, angle)
        assert psf.min() >= 0
        assert psf.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
        assert len(psf) == 2 * np.ceil((length - 1) / 2) + 1
        np.testing.assert_allclose(psf, psf[::-1, ::-1], atol=1e-7)
        np.testing.assert_allclose(psf, line_psf(length, angle + 180), atol=1e-6)


@pytest.mark.parametrize(("u", "v"), [(5, 0), (0, 8), (7, -4), (-7, 4), (12, 9), (2.5, 1.25)])
def test_constant_flow_is_one_kernel(u, v):
    image = noise((40, 44))
    psf = line_psf(np.hypot(u, v), np.degrees(np.arctan2(-v, u)))
    expected = cv2.filter2D(image, cv2.CV_32F, psf, borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(blur_along(image, constant_flow(u, v)), expected, atol=2e-6)


def test_exact_blur_of_each_pixel_is_its_own_kernel():
    """Pixel by pixel, by its definition."""
    image, flow = noise((20, 23), 2), mf.quantise_flow(drawn_flow(0, "strong", (20, 23)))
    blurred = blur_along(image, flow)
    pad = 40
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), "edge")
    for row, column in [(0, 0), (3, 22), (10, 11), (19, 5), (19, 22)]:
        u, v = flow[row, column]
        psf = line_psf(float(np.hypot(u, v)), float(np.degrees(np.arctan2(-v, u))))
        half = len(psf) // 2
        window = padded[row + pad - half :, column + pad - half :][: len(psf), : len(psf)]
        expected = (psf[..., None] * window).sum(axis=(0, 1))
        np.testing.assert_allclose(blurred[row, column], expected, atol=2e-6)


@BLURS
def test_no_flow_is_the_identity(blur):
    image = noise((40, 44))
    np.testing.assert_allclose(blur(image, constant_flow(0, 0)), image, atol=1e-7)
    np.testing.assert_allclose(blur(image, constant_flow(0.6, -0.8)), image, atol=1e-7)


@BLURS
def test_constant_images_stay_constant(blur):
    image = np.full((96, 90, 3), 0.3, np.float32)
    for seed in range(3):
        flow = mf.quantise_flow(drawn_flow(seed))
        np.testing.assert_allclose(blur(image, flow), 0.3, atol=2e-6)


@BLURS
def test_constant_flow_keeps_the_mean(blur):
    """Of an image whose border is constant and wider than the blur."""
    image = np.full((40, 44, 3), 0.2, np.float32)
    image[12:28, 12:32] = noise((16, 20))
    blurred = blur(image, constant_flow(9, -6))
    assert np.abs(blurred - image).max() > 0.1
    assert blurred.mean(dtype=np.float64) == pytest.approx(image.mean(dtype=np.float64), abs=5e-5)


@BLURS
def test_shapes_and_dtypes(blur):
    flow = mf.quantise_flow(drawn_flow(0, "mild", (30, 41)))
    for shape in ((30, 41), (30, 41, 1), (30, 41, 4)):
        blurred = blur(np.random.default_rng(0).random(shape).astype(np.float32), flow)
        assert blurred.shape == shape
        assert blurred.dtype == np.float32


@BLURS
def test_a_line_does_not_know_its_direction(blur):
    image, flow = noise((96, 90)), mf.quantise_flow(drawn_flow(1))
    np.testing.assert_allclose(blur(image, -flow), blur(image, flow), atol=1e-4)


@pytest.mark.parametrize("level", ["strong", "mild"])
def test_the_two_blurs_agree(level):
    """The tolerance that `warp_blur` states: 0.02 and 50 dB on a smooth image, 0.06 and 38 dB on
    white noise, both over all of [0, 1]."""
    white = noise((96, 90))
    smooth = cv2.GaussianBlur(white, (0, 0), 2)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    for seed in range(6):
        flow = mf.quantise_flow(drawn_flow(seed, level))
        for image, most, decibels in ((smooth, 0.02, 50), (white, 0.06, 38)):
            error = blur_along(image, flow) - warp_blur(image, flow)
            assert np.abs(error).max() < most
            assert -10 * np.log10(np.square(error).mean()) > decibels


def test_the_two_blurs_differ_most_on_short_oblique_flows():
    """Along an axis the warps fall on pixels, and both have three weights of 1/3."""
    white = noise((96, 90))
    for (u, v), most in (((3, 0), 1e-6), ((0, 3), 1e-6), ((1, 2), 0.12), ((2, 2), 0.12)):
        flow = constant_flow(u, v, (96, 90))
        assert np.abs(blur_along(white, flow) - warp_blur(white, flow)).max() < most


def test_eight_bits_are_warped_as_floats_are():
    picture = (255 * noise((64, 70))).astype(np.uint8)
    flow = mf.quantise_flow(drawn_flow(2))[:64, :70]
    difference = warp_blur(picture, flow) - warp_blur(picture.astype(np.float32), flow)
    assert np.abs(difference).max() < 0.5
    assert np.square(difference).mean() < 0.15**2


def test_masked_blur_where_the_mask_is_all_or_nothing():
    image, flow = noise((40, 44)), constant_flow(7, 2)

    def blur(picture):
        return blur_along(picture, flow)

    for hard in (False, True):
        everything = mf.blur_masked(image, np.ones((40, 44)), blur, hard=hard)
        np.testing.assert_allclose(everything, blur(image), atol=1e-5)
        nothing = mf.blur_masked(image, np.zeros((40, 44)), blur, hard=hard)
        np.testing.assert_allclose(nothing, image, atol=1e-6)


def test_masked_blur_is_the_formula():
    image, flow = noise((40, 44)), constant_flow(7, 2)
    mask = np.zeros((40, 44))
    mask[10:30, 12:30] = 1
    m = mask[..., None]

    def blur(picture):
        return blur_along(picture.astype(np.float32), flow)

    expected = blur(m * image) + (1 - blur(m)) * image
    np.testing.assert_allclose(mf.blur_masked(image, mask, blur), expected, atol=1e-5)
    hard = mf.blur_masked(image, mask, blur, hard=True)
    np.testing.assert_array_equal(hard[mask == 0], image[mask == 0])
    np.testing.assert_allclose(hard[mask == 1], blur(image)[mask == 1], atol=1e-6)


def test_masked_blur_keeps_constants():
    """A grey face before the same grey stays invisible, however soft its mask."""
    flow = drawn_flow(2, "mild", (48, 50))
    mask = cv2.GaussianBlur(np.pad(np.ones((20, 20)), ((14, 14), (15, 15))), (0, 0), 3)
    image = np.full((48, 50, 3), 0.4, np.float32)
    for hard in (False, True):
        y = mf.blur_masked(image, mask.clip(0, 1), lambda x: warp_blur(x, flow), hard=hard)
        np.testing.assert_allclose(y, 0.4, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mf.draw_motion(np.random.default_rng(0), "weak"), "`level` .* Got: 'weak'"),
        (lambda: motion_flow(Motion(), (0, 4)), "`size` must be at least 1x1. Got: 0x4"),
        (lambda: mf.quantise_flow(np.zeros((3, 3))), r"`flow` must be \[H, W, 2\] .*\(3, 3\)"),
        (
            lambda: warp_blur(noise((8, 8)), np.full((8, 8, 2), np.nan)),
            "`flow` must be finite. Got: inf or NaN",
        ),
        (lambda: warp_blur(noise((8, 8)), np.zeros((8, 9, 2))), r"\(8, 8, 3\) for \(8, 9, 2\)"),
        (lambda: warp_blur(noise((8, 8), 5), np.zeros((8, 8, 2))), "at most 4 channels"),
        (
            lambda: mf.blur_masked(noise((8, 8)), np.zeros((8, 9)), abs),
            r"`mask` \[H, W\] of one size. Got: \(8, 8, 3\) and \(8, 9\)",
        ),
        (
            lambda: mf.blur_masked(noise((8, 8)), np.full((8, 8), 255), abs),
            r"`mask` must lie in \[0, 1\]. Got: values from 255",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
