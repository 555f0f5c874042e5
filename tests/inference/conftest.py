"""What the tests of inference share."""

import numpy as np
import pytest


@pytest.fixture
def picture():
    """An image of odd sides, `[37, 29, 3] uint8`."""
    return np.random.default_rng(1).integers(0, 256, (37, 29, 3), dtype=np.uint8)
