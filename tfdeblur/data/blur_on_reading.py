"""Blur for prepared data that holds sharp images only: each one is blurred anew when it is read.

So that a kernel is drawn for every image in every epoch (WRFN, Jin et al. 2018, §5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfdeblur.degradations.kernel_bank import load_bank
from tfdeblur.degradations.recipes import Pair, WrfnRecipe, example_rng


@dataclass(frozen=True)
class BlurOnReading:
    """How the sharp images of a data set are blurred.

    Attributes:
      recipe: what is done.
      psfs: the kernels that it draws from, `[S, S]` float32.
    """

    recipe: WrfnRecipe
    psfs: Sequence[np.ndarray]

    def pair(
        self, sharp: np.ndarray, seed: int, key: str, window: tuple[int, int, int] | None = None
    ) -> Pair:
        """Blur an image, or a square of it; a function of the arguments alone.

        Args:
          sharp: `[H, W, 1]` uint8.
          seed: of every draw, at least 0.
          key: of the example.
          window: top, left and side of the square in pixels; None: the whole image.
        """
        return self.recipe.degrade(sharp, example_rng(seed, key), self.psfs, window)


def load_blur(folder: str | Path, metadata: Mapping[str, Any]) -> BlurOnReading:
    """Load what the metadata of a data set says about its blur.

    Args:
      folder: of the data set; holds the bank.
      metadata: has `recipe_name`, `recipe_version`, `recipe` and `blur_on_reading`.

    Raises:
      ValueError: the recipe is not this release's WRFN recipe, or the bank is damaged.
      OSError: there is no bank.
    """
    recipe = f"{metadata.get('recipe_name')} {metadata.get('recipe_version')}"
    if recipe != f"{WrfnRecipe.name} {WrfnRecipe.version}":
        raise ValueError(
            f"`recipe_name` and `recipe_version` must be {WrfnRecipe.name} {WrfnRecipe.version}. "
            f"Got: {recipe}."
        )
    try:
        bank = Path(folder, metadata["blur_on_reading"]["bank"])
        fields = WrfnRecipe(**metadata["recipe"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"metadata.json must hold the bank's name and the recipe's fields: {error!r}."
        ) from error
    return BlurOnReading(fields, [kernel.psf for kernel in load_bank(bank)])
