"""Blur for prepared data that holds only sharp images: each read blurs the image anew.

Every image gets a new kernel in every epoch (WRFN, Jin et al. 2018, §5). `WideRecipe` and
`FreshFaceRecipe` also redraw size, levels and position of the image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfdeblur.degradations.kernel_bank import load_bank
from tfdeblur.degradations.recipes import ON_READING, Given, Pair, Recipe, example_rng

_RECIPES = {f"{recipe.name} {recipe.version}": recipe for recipe in ON_READING}


@dataclass(frozen=True)
class BlurOnReading:
    """How the sharp images of a data set are blurred.

    Attributes:
      recipe: the degradation.
      psfs: the kernels that it draws from, `[S, S]` float32; none if it draws each one anew.
    """

    recipe: Recipe
    psfs: Sequence[np.ndarray]

    def pair(self, sharp: np.ndarray, seed: int, key: str) -> Pair:
        """Blur a whole image, as a pure function of the arguments.

        Args:
          sharp: `[H, W, C]` uint8.
          seed: of every draw, at least 0.
          key: of the example.
        """
        return self.recipe.degrade(sharp, example_rng(seed, key), Given(self.psfs))

    def train_pair(
        self, sharp: np.ndarray, seed: int, key: str, window: tuple[int, int, int] | None
    ) -> Pair:
        """Make a training pair of an image, as a pure function of the arguments.

        Args:
          sharp: `[H, W, C]` uint8.
          seed: of every draw, at least 0.
          key: of the example.
          window: top, left and side of the target in pixels; None: the whole image, or the recipe's
            default. Recipes that vary their images take only the side and draw the place.
        """
        given = Given(self.psfs, window=window)
        return self.recipe.draw(sharp, example_rng(seed, key), given)

    def shapes(
        self, sharp: tuple[int, ...], side: int
    ) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Return the shapes of a training pair, degraded and target.

        Args:
          sharp: shape of the image read.
          side: of a square target in pixels; 0: the whole image, or the recipe's default.
        """
        side = side or self.recipe.default_side
        height, width = (side, side) if side else sharp[:2]
        shapes = self.recipe.pair_shapes(height, width)
        return shapes["degraded"], shapes["target"]


def load_blur(folder: str | Path, metadata: Mapping[str, Any]) -> BlurOnReading:
    """Load the blur that a data set's metadata describes.

    Args:
      folder: of the data set; holds the bank.
      metadata: has `recipe_name`, `recipe_version`, `recipe` and `blur_on_reading`.

    Raises:
      ValueError: this release has no such recipe that blurs on reading, or the bank is damaged.
      OSError: there is no bank.
    """
    recipe = f"{metadata.get('recipe_name')} {metadata.get('recipe_version')}"
    if recipe not in _RECIPES:
        raise ValueError(
            f"`recipe_name` and `recipe_version` must be {' or '.join(_RECIPES)}. Got: {recipe}."
        )
    try:
        bank = metadata["blur_on_reading"]["bank"]
        fields = _RECIPES[recipe](**metadata["recipe"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"metadata.json must hold the bank's name and the recipe's fields: {error!r}."
        ) from error
    kernels = load_bank(Path(folder, bank)) if bank is not None else []
    return BlurOnReading(fields, [kernel.psf for kernel in kernels])
