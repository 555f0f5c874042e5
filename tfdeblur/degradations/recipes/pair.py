"""The pair that a recipe makes, and the random generator that it draws from."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Pair:
    """One degraded image and its truth.

    Attributes:
      degraded: `[h, w, C]` uint8, a model's input.
      target: `[scale * h, scale * w, C]` uint8, the truth.
      drawn: all drawn parameters, JSON scalars by name.
      extras: further images by feature name, uint8; a mask is `[H, W, 1]` of 0 and 255.
    """

    degraded: np.ndarray
    target: np.ndarray
    drawn: dict[str, Any]
    extras: dict[str, np.ndarray] = field(default_factory=dict)


class UnfitImage(ValueError):
    """A recipe cannot use a source image.

    The message is a predicate to append to the image's name: "must be at least 150x150 px. Got:
    120x90."
    """


def pair_names(scale: int) -> tuple[str, str]:
    """Return the feature names of the degraded image and of a target `scale` times as large."""
    return ("lr", "hr") if scale > 1 else ("blurry", "sharp")


def example_rng(seed: int, key: str) -> np.random.Generator:
    """Return the generator of one example, independent of those of all other seeds or keys.

    Args:
      seed: at least 0.
      key: of the example, any text.

    Raises:
      ValueError: `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"`seed` must be at least 0. Got: {seed}.")
    words = np.frombuffer(hashlib.sha256(key.encode()).digest(), "<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words.tolist()])))
