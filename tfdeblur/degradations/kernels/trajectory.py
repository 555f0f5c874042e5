"""Trajectory kernels: the path of a shaken camera, exposed for different times.

After Boracchi and Foi, "Modeling the Performance of Image Restoration From Motion Blur" (IEEE TIP
2012), as their released code draws them; Qi et al. use 800 of them with different exposure vectors.
"""

import numpy as np

from tfdeblur.degradations.kernels.psf import splat

ANXIETIES = (0.01, 0.009, 0.008, 0.007, 0.005, 0.003)  # From DeblurGAN's port.
EXPOSURES = (0.25, 0.5, 1.0)
TRAJECTORY_SIZES = tuple(range(13, 29, 2))  # Pixels, odd; Qi et al.
_LENGTH = 60.0  # Pixels; the default of the authors' code.
_SAMPLES = 2000


def trajectory(
    rng: np.random.Generator, length: float, anxiety: float, samples: int = _SAMPLES
) -> np.ndarray:
    """Draw the path of a camera that is shaken, pulled back to its start and sometimes jerked.

    With the step s = length / (samples - 1) and v its velocity, complex:

        v <- v + impulse + anxiety (g (N(0, 1) + i N(0, 1)) - c x_t) s;  v <- s v / |v|
        x_(t+1) = x_t + v

    so that its arc length is exactly `length`. c ~ U(0, 0.7), g ~ U(0, 10) and p ~ U(0, 0.2) are
    drawn once; the impulse is 2 v exp(i (pi + U(-0.5, 0.5))) with probability p * anxiety, else 0.
    v starts in a random direction with |v| = anxiety, or s where anxiety is 0: then the path is
    straight.

    Args:
      rng: source of every draw.
      length: arc length in pixels, > 0.
      anxiety: unsteadiness of the hand, >= 0.
      samples: number of positions, at least 2.

    Returns:
      float64 `[samples, 2]`, (x, y) in pixels, from (0, 0).

    Raises:
      ValueError: an argument is outside its range.
    """
    if not 0 < length < np.inf:
        raise ValueError(f"`length` must be positive and finite. Got: {length}.")
    if not 0 <= anxiety < np.inf:
        raise ValueError(f"`anxiety` must be at least 0 and finite. Got: {anxiety}.")
    if samples < 2:
        raise ValueError(f"`samples` must be at least 2. Got: {samples}.")
    pull = rng.uniform(0.0, 0.7)
    tremor = rng.uniform(0.0, 10.0)
    jerk_rate = rng.uniform(0.0, 0.2) * anxiety
    angle = rng.uniform(0.0, 2 * np.pi)
    # Python's complex numbers, as numpy's scalars make this loop ten times slower.
    shakes = (tremor * rng.standard_normal((samples - 1, 2))).view(complex)[:, 0].tolist()
    jerked = (rng.random(samples - 1) < jerk_rate).tolist()
    turns = np.exp(1j * (np.pi + rng.uniform(-0.5, 0.5, samples - 1))).tolist()
    step = length / (samples - 1)
    strength = anxiety * step
    velocity = complex(np.exp(1j * angle)) * (anxiety if anxiety > 0 else step)
    position = 0j
    path = [position]
    for shake, jerk, turn in zip(shakes, jerked, turns, strict=True):
        impulse = 2 * velocity * turn if jerk else 0j
        velocity += impulse + strength * (shake - pull * position)
        velocity *= step / abs(velocity)
        position += velocity
        path.append(position)
    return np.array(path).view(float).reshape(samples, 2)


def trajectory_psf(
    rng: np.random.Generator, size: int | None = None
) -> tuple[np.ndarray, dict[str, float]]:
    """Draw one kernel of a given size.

    A trajectory of 60 px with an anxiety from `ANXIETIES`, exposed for a fraction from `EXPOSURES`.
    The exposed part is centred on its centroid and, if its bounding box is larger than size - 2,
    shrunk to that.

    Paper: kernels of 13 to 27 px "with different exposure vectors"; it does not say how they are
    fitted into that size, so the method is ours.

    Args:
      rng: source of every draw.
      size: odd side in pixels, at least 3; by default one of `TRAJECTORY_SIZES`.

    Returns:
      The kernel `[size, size]` and the drawn parameters (`anxiety`, `exposure`, `size`).

    Raises:
      ValueError: `size` is even or too small.
    """
    if size is None:
        size = int(rng.choice(TRAJECTORY_SIZES))
    if size % 2 == 0 or size < 3:
        raise ValueError(f"`size` must be odd and at least 3. Got: {size}.")
    anxiety, exposure = float(rng.choice(ANXIETIES)), float(rng.choice(EXPOSURES))
    points = trajectory(rng, _LENGTH, anxiety)
    points = points[: int(np.ceil(exposure * len(points)))]
    points -= points.mean(axis=0)
    extent = float(np.ptp(points, axis=0).max())
    points *= min(1.0, (size - 2) / extent)
    # A lopsided path extends further than half its size from its mean; keep it on the grid.
    half = size // 2
    points *= min(1.0, half / float(np.abs(points).max()))
    psf = splat(np.clip(points, -half, half), size)  # x * (half / x) may round to above half.
    return psf, {"anxiety": anxiety, "exposure": exposure, "size": float(size)}
