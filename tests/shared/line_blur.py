"""The exact blur along a motion flow, pixel by pixel: slow, what `warp_blur` is tested against."""

import numpy as np


def line_psf(length, angle):
    """Draw an anti-aliased line: linear motion, like MATLAB's fspecial('motion', length, angle).

    A pixel at distance d from the line weighs max(0, 1 - d), normalised; the line is `length` - 1
    px long, and beyond its ends d is the distance from the end. `length` = 5 at 0 degrees gives
    five weights of 0.2.

    Args:
      length: in pixels, at least 0; at most 1 gives the identity.
      angle: in degrees, counter-clockwise from the horizontal in the viewed image.

    Returns:
      float32, square, of side `2 * ceil((length - 1) / 2) + 1`.
    """
    if length <= 1:
        return np.ones((1, 1), np.float32)
    reach = (length - 1) / 2
    half = int(np.ceil(reach))
    offset = np.arange(-half, half + 1)
    x, y = offset[None, :], -offset[:, None]  # y upwards
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    distance = np.abs(y * cosine - x * sine)
    # The first term excludes corners beside an end that are more than a pixel off the line.
    beyond = (distance <= 1) & (np.hypot(x, y) >= reach)
    past_end = reach - np.abs(x * cosine + y * sine)
    distance = np.where(beyond, np.hypot(distance, past_end), distance)
    weights = np.maximum(0, 1 - distance)
    weights[weights < 1e-9] = 0  # Rounding residue a pixel away from the line.
    return (weights / weights.sum()).astype(np.float32)


def blur_along(image, flow):
    """Blur each pixel with the line kernel of its flow.

    This is slow per distinct kernel; whole-pixel flows have few.

    Args:
      image: `[H, W]` or `[H, W, C]` float32.
      flow: `[H, W, 2]` in pixels.

    Returns:
      float32 of the image's shape; borders are replicated.
    """
    # A line has no direction: make u > 0, or u = 0 and v >= 0.
    vectors = flow.reshape(-1, 2).astype(np.float64)
    back = (vectors[:, 0] < 0) | ((vectors[:, 0] == 0) & (vectors[:, 1] < 0))
    vectors[back] *= -1
    unique, which = np.unique(vectors + 0.0, axis=0, return_inverse=True)
    which = which.reshape(flow.shape[:2])
    pad = int(np.ceil(max(0.0, (np.hypot(*unique.T).max() - 1) / 2)))
    planes = image.reshape(*flow.shape[:2], -1)
    padded = np.pad(planes, ((pad, pad), (pad, pad), (0, 0)), "edge")
    blurred = np.empty(planes.shape, np.float32)
    for number, (u, v) in enumerate(unique):
        psf = line_psf(float(np.hypot(u, v)), float(np.degrees(np.arctan2(-v, u))))
        rows, columns = np.nonzero(which == number)
        down, right = np.nonzero(psf)
        start = pad - len(psf) // 2
        seen = padded[rows[:, None] + start + down, columns[:, None] + start + right]
        blurred[rows, columns] = np.einsum("k,nkc->nc", psf[down, right], seen)
    return blurred.reshape(image.shape)
