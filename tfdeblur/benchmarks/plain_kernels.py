"""Blur kernels and a motion flow, as a good engineer would write them; see plain_recipes.py.

Kernels are `[S, S]` float32 with S odd, non-negative, and sum to 1.
"""

from functools import lru_cache

import cv2
import numpy as np


def text_kernel(rng: np.random.Generator) -> np.ndarray:
    """Draw a disc convolved with a damped random walk (Hradiš et al. 2015), of 5 to 29 px."""
    radius, size = rng.uniform(0, 4), 5 + 2 * int(rng.integers(9))
    powers = (rng.uniform(0.7, 0.995) ** np.arange(rng.integers(64, 257)))[:, None]
    # v_t = d v_(t-1) + a_t, for all t at once; d^-256 is at most 1e40.
    velocity = np.cumsum(rng.standard_normal((len(powers), 2)) / powers, axis=0) * powers
    path = _fitted(np.cumsum(velocity, axis=0), rng.uniform(0.4, 1) * (size - 2), size)
    if radius <= 0.5:
        return splat(path, size)
    half = int(np.ceil(radius))
    offset = np.arange(-half, half + 1)
    disc = np.clip(radius + 0.5 - np.hypot(offset[:, None], offset), 0, 1).astype(np.float32)
    walk = cv2.copyMakeBorder(splat(path, size), *(half,) * 4, cv2.BORDER_CONSTANT)
    return cv2.filter2D(walk, -1, disc / disc.sum(), borderType=cv2.BORDER_CONSTANT)


def trajectory_kernel(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a camera's path (Boracchi and Foi 2012), exposed for 1/4, 1/2 or all of the time."""
    samples, length = 2000, 60.0
    anxiety = float(rng.choice([0.01, 0.009, 0.008, 0.007, 0.005, 0.003]))
    pull, tremor = rng.uniform(0, 0.7), rng.uniform(0, 10)
    step = length / (samples - 1)
    shakes = rng.standard_normal((samples, 2)).view(complex)[:, 0] * (tremor * anxiety * step)
    jerks = np.where(
        rng.random(samples) < rng.uniform(0, 0.2) * anxiety,
        2 * np.exp(1j * (np.pi + rng.uniform(-0.5, 0.5, samples))),
        0,
    )
    velocity = complex(np.exp(2j * np.pi * rng.random())) * anxiety
    position, path = 0j, []
    pull *= anxiety * step
    for shake, jerk in zip(
        shakes.tolist(), jerks.tolist(), strict=True
    ):  # Each step needs the previous one.
        path.append(position)
        velocity += jerk * velocity + shake - pull * position
        velocity *= step / abs(velocity)
        position += velocity
    points = np.array(path).view(float).reshape(-1, 2)
    points = points[: int(np.ceil(samples * rng.choice([0.25, 0.5, 1.0])))]
    return splat(_fitted(points, None, size), size)


def spline_kernel(rng: np.random.Generator, extent: int) -> np.ndarray:
    """Draw a curve through six points (Chakrabarti 2016), its centroid in the middle of 41 px."""
    while True:
        curve = _spline_basis() @ rng.integers(1, extent + 1, (6, 2))
        x, y = np.rint(np.clip(curve, 1, extent)).astype(np.intp).T - 1
        visited = np.zeros((extent, extent), bool)
        visited[y, x] = True
        rows, columns = np.nonzero(visited)
        weights = np.maximum(0, 1 + 0.5 * rng.standard_normal(len(rows)))
        if not weights.any():
            continue
        weights /= weights.sum()
        rows += 20 - int(np.rint(weights @ rows))
        columns += 20 - int(np.rint(weights @ columns))
        if min(rows.min(), columns.min()) >= 0 and max(rows.max(), columns.max()) <= 40:
            psf = np.zeros((41, 41), np.float32)
            psf[rows, columns] = weights
            return psf


@lru_cache(maxsize=1)
def _spline_basis() -> np.ndarray:
    """Return `[30000, 6]`: the not-a-knot cubic spline through each unit vector."""
    system, right = np.zeros((6, 6)), np.zeros((6, 6))
    for row in range(1, 5):
        system[row, row - 1 : row + 2], right[row, row - 1 : row + 2] = (1, 4, 1), (6, -12, 6)
    system[0, :3] = system[5, 3:] = 1, -2, 1
    second = np.linalg.solve(system, right)  # Derivatives at the points.
    t = np.linspace(0, 5, 30_000)
    piece = np.minimum(t.astype(int), 4)
    b = (t - piece)[:, None]
    a, values = 1 - b, np.eye(6)
    linear = a * values[piece] + b * values[piece + 1]
    return linear + ((a**3 - a) * second[piece] + (b**3 - b) * second[piece + 1]) / 6


def mild_flow(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw the flow `[H, W, 2]` of a camera motion at level `mild` (Gong et al. 2017)."""
    bounds = np.array([19, 19, 0.25, 0.25, 2e-3, np.pi / 120, 5, 5])
    tx, ty, ax, ay, zoom, rotation, shift_x, shift_y = bounds * rng.uniform(-1, 1, 8)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    right, down = x - (width - 1) / 2 - shift_x, y - (height - 1) / 2 - shift_y
    outwards, turn = zoom * np.sqrt(np.hypot(right, down)), np.tan(rotation)
    u = tx * (1 - ax / 2 + ax * (x + 1) / width) - turn * down + outwards * right
    v = ty * (1 - ay / 2 + ay * (height - y) / height) + turn * right + outwards * down
    return np.dstack([u, v])


def _fitted(points: np.ndarray, extent: float | None, size: int) -> np.ndarray:
    """Centre a path, scale it to `extent` (None: at most size - 2), and keep it on the grid."""
    points = points - points.mean(axis=0)
    largest = np.ptp(points, axis=0).max()
    scale = min(1.0, (size - 2) / largest) if extent is None else extent / largest
    return points * min(scale, (size // 2 - 1e-6) / np.abs(points).max())


def splat(points: np.ndarray, size: int) -> np.ndarray:
    """Distribute points (x, y) bilinearly over a grid: `[size, size]` float32, sum 1."""
    position = points + size // 2
    corner = position.astype(np.intp)
    right, below = (position - corner).T
    first = corner[:, 1] * size + corner[:, 0]
    places = np.concatenate([first, first + 1, first + size, first + size + 1])
    left, above = 1 - right, 1 - below
    weights = np.concatenate([left * above, right * above, left * below, right * below])
    psf = np.bincount(places, weights, minlength=size * size)
    return (psf / len(points)).reshape(size, size).astype(np.float32)
