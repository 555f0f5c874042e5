"""Restore with a network in memory as its export would, with the same padding and tiling."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tfdeblur.inference.restorer import Restorer

SIZES = ("halo", "size_multiple", "minimum_size")  # of a model's config and of metadata.json


def make_restorer(restore: Callable[[np.ndarray], np.ndarray], model_config: Any) -> Restorer:
    """Wrap a network's function on single images.

    Args:
      restore: `[H, W, 3] uint8` -> `[sH, sW, 3] uint8`, for sizes that the network accepts.
      model_config: a model's config, with `scale`, `halo` and the legal sizes.

    Returns:
      A restorer for images of any size, or of the model's one size.
    """
    runtime = _InMemoryRuntime(restore, model_config.scale, model_config.fixed_input_size)
    return Restorer(runtime, {name: getattr(model_config, name) for name in SIZES})


class _InMemoryRuntime:
    """See `tfdeblur.inference.runtimes.Runtime`."""

    def __init__(self, restore: Callable[[np.ndarray], np.ndarray], scale: int, side: int | None):
        self._restore = restore
        self.scale = scale
        self.fixed_size = None if side is None else (side, side)

    def restore(self, images: np.ndarray) -> np.ndarray:
        return np.stack([self._restore(image) for image in images])
