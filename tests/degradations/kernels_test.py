import numpy as np
import pytest

from tfdeblur.degradations import kernels
from tfdeblur.degradations.kernels import blur, combine_psfs, disc_psf, random_walk_psf, splat

ASYMMETRIC = np.array([[0, 1, 2], [0, 0, 3], [4, 0, 0]], np.float32) / 10


def delta(size, row, column):
    psf = np.zeros((size, size), np.float32)
    psf[size // 2 + row, size // 2 + column] = 1
    return psf


def centroid(psf):
    grid = np.arange(len(psf)) - len(psf) // 2
    return (psf.sum(axis=1) * grid).sum(), (psf.sum(axis=0) * grid).sum()


def draw(seed, kind):
    rng = np.random.default_rng(seed)
    if kind == "disc":
        return disc_psf(rng.uniform(0, kernels.DISC_RADIUS_MAX))
    if kind == "walk":
        return random_walk_psf(rng, int(rng.choice(kernels.WALK_SIZES)))
    if kind == "anisotropic":
        return kernels.random_gaussian_psf(rng, isotropic=False)[0]
    psf_of = {
        "text": kernels.text_psf,
        "trajectory": kernels.trajectory_psf,
        "spline": kernels.spline_psf,
        "gaussian": kernels.random_gaussian_psf,
    }
    return psf_of[kind](rng)[0]


@pytest.mark.parametrize(
    ("kind", "largest"),
    [
        ("disc", 9),
        ("walk", 21),
        ("text", 29),
        ("trajectory", 27),
        ("spline", 41),
        ("gaussian", 33),
        ("anisotropic", 33),
    ],
)
def test_laws_of_every_kernel(kind, largest):
    """Non-negative, sum 1, odd square of a largest side, centroid within a pixel of the centre."""
    for seed in range(100):
        psf = draw(seed, kind)
        kernels.check_psf(psf)
        assert psf.dtype == np.float32
        assert psf.min() >= 0
        assert psf.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
        assert psf.shape[0] == psf.shape[1] <= largest
        assert psf.shape[0] % 2 == 1
        assert np.abs(centroid(psf)).max() < 1


@pytest.mark.parametrize("kind", ["walk", "text", "trajectory", "spline", "gaussian"])
def test_draws_come_from_the_generator_alone(kind):
    np.random.seed(0)
    first = draw(3, kind)
    np.random.seed(1)
    np.testing.assert_array_equal(draw(3, kind), first)
    other = draw(4, kind)
    assert other.shape != first.shape or not np.array_equal(other, first)


def test_disc_of_radius_one():
    """Areas of the unit circle: pi in all, 1 in the middle pixel, 0.4566 in each of its four
    neighbours (integral of sqrt(1 - y^2) - 1/2 over a unit of y), 0.0788 in each corner pixel."""
    edge = (0.5 * np.sqrt(0.75) + np.arcsin(0.5)) - 0.5
    corner = (np.pi - 1 - 4 * edge) / 4
    expected = np.array([[corner, edge, corner], [edge, 1, edge], [corner, edge, corner]]) / np.pi
    np.testing.assert_allclose(disc_psf(1.0), expected, atol=0.012)  # 8 x 8 samples a pixel


@pytest.mark.parametrize("radius", [1.5, 2.2, 3.0, 4.0])
def test_disc_has_its_area(radius):
    """A pixel wholly inside weighs 1 / (pi r^2), one wholly outside nothing, none weighs more."""
    psf = disc_psf(radius)
    assert len(psf) == 2 * np.ceil(radius) + 1
    offset = np.abs(np.arange(len(psf)) - len(psf) // 2)
    furthest = np.hypot(*np.meshgrid(offset + 0.5, offset + 0.5))
    nearest = np.hypot(*np.meshgrid(np.maximum(offset - 0.5, 0), np.maximum(offset - 0.5, 0)))
    np.testing.assert_allclose(psf[furthest < radius], 1 / (np.pi * radius**2), rtol=0.02)
    np.testing.assert_array_equal(psf[nearest > radius], 0)
    partly = psf[(nearest < radius) & (furthest > radius)]
    assert 0 < partly.mean() < psf.max() == psf[len(psf) // 2, len(psf) // 2]


def test_small_discs_are_the_identity():
    np.testing.assert_array_equal(disc_psf(0.0), [[1]])
    np.testing.assert_array_equal(disc_psf(0.5), [[1]])
    with pytest.raises(ValueError, match="`radius` must be at least 0. Got: -1"):
        disc_psf(-1)


def test_splat_is_bilinear():
    """(x, y) = (0.25, -0.5) from the middle of 3 x 3: columns 3/4 and 1/4, rows 1/2 and 1/2."""
    expected = np.array([[0, 0.375, 0.125], [0, 0.375, 0.125], [0, 0, 0]])
    np.testing.assert_allclose(splat(np.array([[0.25, -0.5]]), 3), expected, atol=1e-7)
    np.testing.assert_array_equal(splat(np.array([[1.0, 1.0]]), 3), delta(3, 1, 1))


def test_splat_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"must lie within \+-1 px. Got: 1.1"):
        splat(np.array([[0.0, 1.1]]), 3)
    with pytest.raises(ValueError, match="`size` must be odd. Got: 4"):
        splat(np.array([[0.0, 0.0]]), 4)


@pytest.mark.parametrize("size", [3, 5, 21])
def test_walk_stays_in_its_extent(size):
    """The larger side of the path is at most 0.9 (size - 2) px; bilinear weights add one on each
    end."""
    for seed in range(30):
        psf = random_walk_psf(np.random.default_rng(seed), size)
        assert psf.shape == (size, size)
        used = np.nonzero(psf)
        assert max(np.ptp(used[0]), np.ptp(used[1])) <= 0.9 * (size - 2) + 2


def test_walk_that_reaches_the_border_exactly():
    """This walk's furthest point, scaled to the border, rounds to just outside of it."""
    psf = random_walk_psf(np.random.default_rng(5166), 15)
    assert psf.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("size", [2, 4, 1])
def test_walk_refuses_other_sizes(size):
    with pytest.raises(ValueError, match=f"`size` must be odd and at least 3. Got: {size}"):
        random_walk_psf(np.random.default_rng(0), size)


def test_combining_deltas_adds_their_offsets():
    combined = combine_psfs(delta(5, 2, -1), delta(3, -1, -1))
    np.testing.assert_allclose(combined, delta(7, 1, -2), atol=1e-7)


def test_combining_is_a_full_convolution():
    rng = np.random.default_rng(0)
    first, second = rng.random((5, 5)).astype(np.float32), rng.random((3, 3)).astype(np.float32)
    first, second = first / first.sum(), second / second.sum()
    expected = np.zeros((7, 7))
    for row in range(5):
        for column in range(5):
            expected[row : row + 3, column : column + 3] += first[row, column] * second
    np.testing.assert_allclose(combine_psfs(first, second), expected, atol=1e-7)
    np.testing.assert_allclose(combine_psfs(second, first), expected, atol=1e-7)


def test_text_kernel_says_what_was_drawn():
    for seed in range(20):
        psf, drawn = kernels.text_psf(np.random.default_rng(seed))
        assert 0 <= drawn["disc_radius"] <= 4
        assert drawn["walk_size"] in kernels.WALK_SIZES
        margin = 0 if drawn["disc_radius"] <= 0.5 else 2 * np.ceil(drawn["disc_radius"])
        assert len(psf) == drawn["walk_size"] + margin


@pytest.mark.parametrize("kind", ["text", "trajectory", "spline", "gaussian", "anisotropic"])
def test_blur_keeps_a_constant_and_the_mean(kind):
    """The mean: of an image whose border is so wide that nothing but its constant is cut off."""
    psf = draw(0, kind)
    flat = np.full((60, 70, 3), 0.3, np.float32)
    np.testing.assert_allclose(blur(flat, psf), 0.3, atol=1e-6)
    image = flat.copy()
    image[30, 35] = 1
    side = len(psf)
    inside = slice(side // 2, -(side // 2))
    expected = image[inside, inside].mean(dtype=np.float64)
    assert blur(image, psf).mean(dtype=np.float64) == pytest.approx(expected, abs=1e-6)


def test_blur_with_a_delta_is_the_identity():
    image = np.random.default_rng(0).random((9, 11, 3)).astype(np.float32)
    np.testing.assert_allclose(blur(image, delta(5, 0, 0)), image[2:-2, 2:-2], atol=1e-7)


def test_blur_is_a_convolution_not_a_correlation():
    """A single bright point is blurred into the kernel as it is, not into its mirror image."""
    image = np.zeros((5, 5, 3), np.float32)
    image[2, 2] = 1
    np.testing.assert_allclose(blur(image, ASYMMETRIC)[..., 1], ASYMMETRIC, atol=1e-7)


@pytest.mark.parametrize("size", [3, 15, 29])  # OpenCV changes its method at 11 px.
def test_blur_adds_up_weighted_pixels(size):
    rng = np.random.default_rng(1)
    image = rng.random((34, 31, 1)).astype(np.float32)
    psf = rng.random((size, size)).astype(np.float32)
    psf /= psf.sum()
    expected = np.zeros((34 - size + 1, 31 - size + 1, 1))
    for row in range(size):
        for column in range(size):
            rows = slice(size - 1 - row, 34 - row)
            expected += psf[row, column] * image[rows, size - 1 - column : 31 - column]
    blurred = blur(image, psf)
    assert blurred.shape == expected.shape
    np.testing.assert_allclose(blurred, expected, atol=2e-6)


def test_blur_refuses_kernels_that_do_not_fit():
    image = np.zeros((8, 20), np.float32)
    with pytest.raises(ValueError, match=r"`psf` must have odd sides. Got: \(3, 4\)"):
        blur(image, np.ones((3, 4), np.float32))
    with pytest.raises(ValueError, match=r"at least as large as \(9, 9\). Got: \(8, 20\)"):
        blur(image, np.ones((9, 9), np.float32))


def test_centring_puts_the_centroid_into_the_middle():
    """Weights 1, 3 at columns 0, 1: the centroid 0.75 rounds to 1; one more column on the right."""
    expected = np.zeros((3, 3))
    expected[1] = 0.25, 0.75, 0
    np.testing.assert_array_equal(kernels.centre_psf(np.array([[1.0, 3.0]])), expected)
    np.testing.assert_array_equal(kernels.centre_psf(np.array([[5]])), [[1]])
    for weights in (
        np.zeros((2, 2)),
        -np.eye(2),
        np.array([[np.nan]]),
        np.ones(3),
        np.ones((0, 1)),
    ):
        with pytest.raises(ValueError, match="`weights` must"):
            kernels.centre_psf(weights)


@pytest.mark.parametrize(
    ("psf", "message"),
    [
        (np.ones((1, 1)), r"must be \[S, S\] float32. Got: \(1, 1\) float64"),
        (np.full((2, 2), 0.25, np.float32), r"odd side. Got: \(2, 2\)"),
        (np.full((1, 3), 1 / 3, np.float32), r"must be square .* Got: \(1, 3\)"),
        (np.full((1, 1), np.nan, np.float32), "must be finite. Got: .*1 inf or NaN"),
        (np.diag([1, -0.5, 0.5]).astype(np.float32), "must be non-negative. Got: -0.5"),
        (np.full((1, 1), 0.9, np.float32), "must sum to 1. Got: 0.9"),
    ],
)
def test_what_is_no_kernel_is_refused(psf, message):
    with pytest.raises(ValueError, match=message):
        kernels.check_psf(psf)
