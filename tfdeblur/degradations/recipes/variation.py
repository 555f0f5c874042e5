"""Variations of sharp images, redrawn each time that an image is read for training."""

import numpy as np

_GAMMAS = (0.7, 1.4)
_CONTRASTS = (0.6, 1.2)


def draw_levels(rng: np.random.Generator) -> np.ndarray:
    """Draw gamma, contrast and level as a table of 8-bit levels.

    Gamma is log-uniform in 0.7..1.4, contrast U(0.6, 1.2); another draw splits the range that
    contrast adds or removes between the dark and the bright end.

    Returns:
      `[256]` uint8, non-decreasing: the new value of each level.
    """
    gamma = np.exp(rng.uniform(*np.log(_GAMMAS)))
    contrast = rng.uniform(*_CONTRASTS)
    level = rng.uniform(0, 1)
    levels = (np.arange(256) / 255) ** gamma * contrast + level * (1 - contrast)
    return np.rint(255 * np.clip(levels, 0, 1)).astype(np.uint8)
