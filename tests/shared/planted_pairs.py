"""Small pairs to plant findings of `data check` in."""

import cv2
import numpy as np

from tfdeblur.images.files import write_image

SIDE = 96


def texture(seed, side=SIDE):
    """A picture with detail of every size, `[side, side, 3] uint8`, unlike those of other seeds."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((side, side, 3), np.float32)
    for sigma in (1, 3, 9):
        layer = cv2.GaussianBlur(
            rng.standard_normal(picture.shape).astype(np.float32), (0, 0), sigma
        )
        picture += layer / layer.std()
    return np.clip(128 + 30 * picture, 0, 255).astype(np.uint8)


def blurred(picture):
    return cv2.GaussianBlur(picture, (0, 0), 1.2)


def write_pair(folder, name, seed, degraded=None, target=None):
    target = texture(seed) if target is None else target
    write_image(folder / "blurry" / name, blurred(target) if degraded is None else degraded)
    write_image(folder / "sharp" / name, target)
