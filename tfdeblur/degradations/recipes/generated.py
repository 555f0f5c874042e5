"""Any paper's degradation applied to rendered pages: data without files, to try out a model."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tfdeblur.degradations.kernel_bank import draw_bank
from tfdeblur.degradations.motion_flow import draw_motion, motion_flow, warp_blur
from tfdeblur.degradations.recipes.base import Given, Recipe
from tfdeblur.degradations.recipes.enhance_unet import EnhanceUnetRecipe
from tfdeblur.degradations.recipes.gfn import GfnRecipe
from tfdeblur.degradations.recipes.pair import Pair, example_rng
from tfdeblur.degradations.recipes.scgan_face import ScganFaceRecipe
from tfdeblur.degradations.recipes.text import TextRecipe
from tfdeblur.degradations.recipes.two_branch import TwoBranchRecipe
from tfdeblur.degradations.recipes.wrfn import WrfnRecipe
from tfdeblur.images.resize import round_levels

_RECIPES: dict[str, type[Recipe]] = {
    recipe.name: recipe
    for recipe in (ScganFaceRecipe, EnhanceUnetRecipe, WrfnRecipe, TwoBranchRecipe, GfnRecipe)
}
GENERATED = tuple(_RECIPES)
_KERNELS = 16  # Enough to try out a model.


@dataclass(frozen=True)
class GeneratedRecipe:
    """A recipe for photographs, applied to patches of rendered pages.

    Pages show neither faces nor scenes, so a model trained on them does not reproduce the paper.
    The masks of `two_branch` are discs; the blurry frames of `gfn` use motion flow of the level
    `strong`.

    Attributes:
      recipe: one of `GENERATED`.
      patch_size: side of the target in pixels; the recipe may ask for a multiple of its scale.
      patches_per_page: number of consecutive indices that are cut from one page.
      domain: a domain of `pages.render_page`.
    """

    recipe: str
    patch_size: int = 64
    patches_per_page: int = 16
    domain: str = "print"

    def __post_init__(self):
        if self.recipe not in GENERATED:
            raise ValueError(f"`recipe` must be one of {GENERATED}. Got: {self.recipe!r}.")
        self._source()
        self._sized()

    @property
    def scale(self) -> int:
        """The target's size relative to the degraded image's."""
        return self._sized().scale

    @property
    def channels(self) -> int:
        """Channels of both images."""
        return self._sized().channels

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shapes of a pair's images: `degraded`, `target` and the extras."""
        return self._sized().pair_shapes(self.patch_size, self.patch_size)

    def pair(self, seed: int, index: int, split: str) -> Pair:
        """Make pair number `index` of a split; `drawn` holds the paper's recipe's draws.

        Raises:
          ValueError: `split` is unknown or `index` negative.
        """
        page = self._source().pair(seed, index, split).target
        rng = example_rng(seed, f"generated/{self.recipe}/{split}/{index}")
        recipe = self._sized()
        given = Given(
            psfs=_bank(recipe.family) if recipe.family else (),
            mask=_disc(self.patch_size) if recipe.masked else None,
            blurry=_shaken(page, rng) if recipe.paired else None,
        )
        return recipe.degrade(recipe.fit(page), rng, given)

    def _sized(self) -> Recipe:
        """Build the recipe for targets of `patch_size`."""
        recipe = _RECIPES[self.recipe]
        return recipe(**dict.fromkeys(recipe.side_fields, self.patch_size))

    def _source(self) -> TextRecipe:
        return TextRecipe(
            patch_size=self.patch_size,
            patches_per_page=self.patches_per_page,
            scale=1,
            domain=self.domain,
        )


@lru_cache(maxsize=4)
def _bank(family: str) -> tuple[np.ndarray, ...]:
    return tuple(kernel.psf for kernel in draw_bank(family, _KERNELS))


def _shaken(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur a page by the motion of a camera."""
    flow = motion_flow(draw_motion(rng, "strong"), (len(page), page.shape[1]))
    return round_levels(warp_blur(page, flow))


def _disc(side: int) -> np.ndarray:
    """Return a mask `[side, side]` of a disc in the middle, half as wide as the image."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return (np.hypot(x, y) < side / 4).astype(np.uint8) * 255
