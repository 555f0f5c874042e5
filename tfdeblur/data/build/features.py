"""TFDS features, derived from an example."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfdeblur.degradations.recipes import Pair


def example_of(example_id: str, names: tuple[str, str], pair: Pair) -> dict[str, Any]:
    """Return the record of a pair: `id`, the named images, and the drawn values."""
    degraded, target = names
    return {
        "id": example_id,
        degraded: pair.degraded,
        target: pair.target,
        **pair.extras,
        **pair.drawn,
    }


def features_of(example: Mapping[str, Any], any_size: bool = False) -> tfds.features.FeaturesDict:
    """Return features to store an example: uint8 `[H, W, C]` as PNG, numbers, and text.

    Args:
      example: value by feature.
      any_size: whether other examples' images have other sizes.

    Raises:
      TypeError: a value has another type.
    """
    return tfds.features.FeaturesDict({name: _feature(v, any_size) for name, v in example.items()})


def _feature(value: Any, any_size: bool):
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        shape = (None, None, value.shape[2]) if any_size else value.shape
        return tfds.features.Image(shape=shape, encoding_format="png")
    if isinstance(value, str):
        return tfds.features.Text()
    if isinstance(value, (int, np.integer)):
        return np.int64
    if isinstance(value, (float, np.floating)):
        return np.float32
    raise TypeError(f"a feature must be an uint8 image, a number or text. Got: {value!r}.")
