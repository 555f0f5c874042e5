"""Any paper's degradation applied to rendered pages: data without files, to try out a model."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tfdeblur.degradations.kernel_bank import draw_bank
from tfdeblur.degradations.motion_flow import draw_motion, motion_flow, warp_blur
from tfdeblur.degradations.recipes.enhance_unet import EnhanceUnetRecipe
from tfdeblur.degradations.recipes.gfn import GfnRecipe
from tfdeblur.degradations.recipes.pair import Pair, Recipe, example_rng
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
        _sized(self.recipe, self.patch_size)

    @property
    def scale(self) -> int:
        """The target's size relative to the degraded image's."""
        return _sized(self.recipe, self.patch_size).scale

    @property
    def channels(self) -> int:
        """Channels of both images."""
        return _RECIPES[self.recipe].channels

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shapes of a pair's images: `degraded`, `target` and the extras."""
        side, small, channels = self.patch_size, self.patch_size // self.scale, self.channels
        shapes = {"degraded": (small, small, channels), "target": (side, side, channels)}
        if self.recipe == TwoBranchRecipe.name:
            shapes |= {"hr_blurry": (side, side, 3), "face_mask": (side, side, 1)}
        elif self.recipe == GfnRecipe.name:
            shapes["lr_sharp"] = (small, small, 3)
        return shapes

    def pair(self, seed: int, index: int, split: str) -> Pair:
        """Make pair number `index` of a split; `drawn` holds the paper's recipe's draws.

        Raises:
          ValueError: `split` is unknown or `index` negative.
        """
        page = self._source().pair(seed, index, split).target
        rng = example_rng(seed, f"generated/{self.recipe}/{split}/{index}")
        recipe = _sized(self.recipe, self.patch_size)
        if isinstance(recipe, EnhanceUnetRecipe):
            return recipe.degrade(page, rng, _bank("trajectory")[rng.integers(_KERNELS)])
        if isinstance(recipe, WrfnRecipe):
            return recipe.degrade(recipe.make_sharp(page), rng, _bank("spline"))
        if isinstance(recipe, TwoBranchRecipe):
            return recipe.degrade(page, _disc(self.patch_size), rng)
        if isinstance(recipe, GfnRecipe):
            side = self.patch_size
            flow = motion_flow(draw_motion(rng, "strong"), (side, side))
            return recipe.degrade(round_levels(warp_blur(page, flow)), page)
        assert isinstance(recipe, ScganFaceRecipe)
        return recipe.degrade(page, rng)

    def _source(self) -> TextRecipe:
        return TextRecipe(
            patch_size=self.patch_size,
            patches_per_page=self.patches_per_page,
            scale=1,
            domain=self.domain,
        )


def _sized(name: str, side: int) -> Recipe:
    """Build a recipe for targets with a different size from the paper's."""
    if name == "enhance_unet":
        return EnhanceUnetRecipe(crop_size=side, height=side, width=side)
    if name == "gfn":
        return GfnRecipe(patch_size=side)
    sized: dict[str, type] = {
        "scgan_face": ScganFaceRecipe,
        "wrfn": WrfnRecipe,
        "two_branch": TwoBranchRecipe,
    }
    return sized[name](side=side)


@lru_cache(maxsize=4)
def _bank(family: str) -> tuple[np.ndarray, ...]:
    return tuple(kernel.psf for kernel in draw_bank(family, _KERNELS))


def _disc(side: int) -> np.ndarray:
    """Return a mask `[side, side]` of a disc in the middle, half as wide as the image."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return (np.hypot(x, y) < side / 4).astype(np.uint8) * 255
