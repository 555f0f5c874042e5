"""A photograph that needs no file, and hashes of pairs."""

import hashlib

import numpy as np
import pytest


@pytest.fixture(scope="session")
def make_photo():
    """Return a function that draws a photograph `[height, width, 3]` uint8: stripes of several
    widths and colours, and a disc."""

    def make(height, width):
        y, x = np.mgrid[:height, :width]
        waves = [np.sin(x / 3 + y / 7), np.sin(x * y / 400), np.sin(y / 2 - x / 11)]
        image = np.stack([110 + 60 * wave for wave in waves], axis=-1)
        image[np.hypot(x - width / 2, y - height / 2) < min(height, width) / 5] = 240, 180, 30
        return np.rint(image).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def digest():
    """Return a function that hashes a pair. Drawn floats enter with six digits: the last ones
    depend on the machine's mathematics."""

    def make(pair):
        found = hashlib.sha256()
        for image in (pair.degraded, pair.target, *pair.extras.values()):
            found.update(np.ascontiguousarray(image).tobytes())
        for name, value in sorted(pair.drawn.items()):
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            found.update(f"{name}={text}\n".encode())
        return found.hexdigest()[:16]

    return make
