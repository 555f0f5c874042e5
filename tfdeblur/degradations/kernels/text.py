"""Text kernels: defocus by an anti-aliased disc combined with motion along a random walk.

After Hradiš et al., "Convolutional Neural Networks for Direct Text Deblurring" (BMVC 2015), the
source of SCGAN's blur (Xu et al. 2017, §4).
"""

import numpy as np

from tfdeblur.degradations.kernels.psf import combine_psfs, splat

DISC_RADIUS_MAX = 4.0  # Pixels; Hradiš et al.
WALK_SIZES = tuple(range(5, 23, 2))  # Pixels, odd; Hradiš et al.: motion kernels of 5 to 21 px.
TEXT_PSF_SIZE_MAX = WALK_SIZES[-1] + 2 * int(np.ceil(DISC_RADIUS_MAX))
_SUPERSAMPLING = 8


def disc_psf(radius: float) -> np.ndarray:
    """Rasterise a disc: the defocus of an ideal lens.

    Args:
      radius: in pixels, >= 0. At most half a pixel gives the identity.

    Returns:
      `[2 * ceil(radius) + 1]` squared; each pixel's weight is its covered area (8 x 8 samples).
    """
    if radius < 0:
        raise ValueError(f"`radius` must be at least 0. Got: {radius}.")
    if radius <= 0.5:
        return np.ones((1, 1), np.float32)
    half = int(np.ceil(radius))
    size = 2 * half + 1
    grid = (np.arange(size * _SUPERSAMPLING) + 0.5) / _SUPERSAMPLING - size / 2
    squared = grid**2
    inside = (squared[:, None] + squared <= radius**2).astype(np.float32)
    rows = inside.reshape(size, _SUPERSAMPLING, -1).sum(axis=1)
    covered = rows.reshape(size, size, _SUPERSAMPLING).sum(axis=2)
    return covered / covered.sum()


def random_walk_psf(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw the motion blur of a shaken camera: a damped walk with random acceleration.

    The trajectory has 64 to 256 steps, is centred on its mean and scaled so that the larger side of
    its bounding box is U(0.2, 0.9) * (size - 2) pixels.

    Args:
      rng: source of every draw.
      size: odd side of the kernel in pixels, at least 3.
    """
    if size % 2 == 0 or size < 3:
        raise ValueError(f"`size` must be odd and at least 3. Got: {size}.")
    steps = int(rng.integers(64, 257))
    damping = rng.uniform(0.7, 0.995)
    acceleration = rng.standard_normal((steps, 2))
    acceleration[0] /= np.sqrt(1 - damping**2)  # The walk's stationary spread.
    # v_t = damping v_(t-1) + a_t, all at once; damping^-256 is at most 1e40.
    decay = damping ** np.arange(steps)[:, None]
    velocity = np.cumsum(acceleration / decay, axis=0) * decay
    points = np.cumsum(velocity, axis=0)
    points -= points.sum(axis=0) / steps
    extent = rng.uniform(0.2, 0.9) * (size - 2)
    points *= extent / max(float((points.max(axis=0) - points.min(axis=0)).max()), 1e-6)
    # A lopsided walk extends further than half its size from its mean; keep it on the grid.
    half = size // 2
    points *= min(1.0, half / float(np.abs(points).max()))
    # x * (half / x) may round to above half.
    return splat(np.minimum(np.maximum(points, -half), half), size)


def text_psf(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, float]]:
    """Draw a kernel of Hradiš et al.: an anti-aliased disc convolved with a random walk.

    Disc radius U(0, 4) px, walk size uniform over the odd sizes 5..21 px.

    Returns:
      The kernel, of odd side at most 29 px, and the drawn `disc_radius` and `walk_size`.
    """
    radius = float(rng.uniform(0.0, DISC_RADIUS_MAX))
    size = WALK_SIZES[rng.integers(len(WALK_SIZES))]
    psf = combine_psfs(random_walk_psf(rng, size), disc_psf(radius))
    return psf, {"disc_radius": radius, "walk_size": float(size)}
