"""Transparent pictures: colours behind transparent pixels, and paper behind the picture."""

import cv2
import numpy as np


def extend_colours(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Continue the visible colours below fully transparent pixels.

    Editors leave any colour there, mostly black; a network would let it bleed into the rim. The
    colours of ever coarser reductions, weighted by alpha, fill the gaps (Gortler et al., "The
    Lumigraph", SIGGRAPH 1996: push-pull).

    Args:
      rgb: `[H, W, 3] uint8`.
      alpha: `[H, W] uint8`; 255 is opaque.

    Returns:
      `[H, W, 3] uint8`, equal to `rgb` wherever `alpha` is above 0, or everywhere if it is 0
      everywhere.
    """
    if alpha.all() or not alpha.any():
        return rgb
    weight = alpha.astype(np.float32) / 255
    filled = _filled(rgb * weight[..., None], weight)
    return np.where(alpha[..., None] > 0, rgb, np.clip(np.rint(filled), 0, 255).astype(np.uint8))


def _filled(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Divide by the weights; where they are 0, take the next coarser level, enlarged."""
    own = weighted / np.maximum(weight, 1e-6)[..., None]
    height, width = weight.shape
    if weight.all() or max(height, width) == 1:
        return own
    smaller = (max(width // 2, 1), max(height // 2, 1))
    coarse = _filled(
        cv2.resize(weighted, smaller, interpolation=cv2.INTER_AREA),
        cv2.resize(weight, smaller, interpolation=cv2.INTER_AREA),
    )
    below = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(weight[..., None] > 0, own, below)


def on_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay a picture on white paper: `[H, W, 3]` and `[H, W] uint8` -> `[H, W, 3] uint8`."""
    opacity = alpha[..., None].astype(np.uint32)
    return ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
