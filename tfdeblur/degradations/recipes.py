"""Degradation recipes: (seed, index) -> a training pair and everything that was drawn.

Every draw is a pure function of (seed, split, index): any pair can be made again alone, on any
machine, in any order.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tfdeblur.degradations.kernels import TEXT_PSF_SIZE_MAX, blur, text_psf
from tfdeblur.degradations.page_sources import SPLITS
from tfdeblur.degradations.pages import DOMAINS, Page, render_page
from tfdeblur.images.resize import downscale, to_uint8

# Raise it with every change that alters a pair; a golden hash guards it.
TEXT_RECIPE_VERSION = "1.0.0"

PAGES_ALIVE = 16  # Whoever alternates between more pages than this may render them anew each time.


@dataclass(frozen=True)
class Pair:
    """One degraded image and its truth.

    Attributes:
      lr: `[H, W, 3]` uint8 RGB, blurred, noisy and low-resolution.
      hr: `[scale * H, scale * W, 3]` uint8 RGB, sharp.
      drawn: the drawn parameters, JSON scalars by name.
    """

    lr: np.ndarray
    hr: np.ndarray
    drawn: dict[str, Any]


@dataclass(frozen=True)
class TextRecipe:
    """Blurred, low-resolution pages: the text data of SCGAN (Xu et al. 2017, §4), rendered.

    sharp page -> disc ⊛ random walk -> Gaussian noise, sigma ~ U(0, 7/255) -> 8 bit -> MATLAB
    bicubic / 4 -> 8 bit. The noise is added to the blurred high-resolution patch, before the
    down-sampling (`noise_stage="hr"`), or after it (`"lr"`); the paper's "blurred patches" does not
    say which.

    Attributes:
      patch_size: side of the square `hr` in pixels, a multiple of `scale`.
      patches_per_page: how many consecutive indices are cut from one rendered page.
      noise_max: largest noise standard deviation on the [0, 1] scale; 0 turns noise off.
      noise_stage: `hr` or `lr`.
      domain: a domain of `pages.render_page`.
    """

    patch_size: int = 64
    patches_per_page: int = 16
    scale: int = 4
    noise_max: float = 7 / 255
    noise_stage: str = "hr"
    domain: str = "print"

    def __post_init__(self):
        if self.scale < 1:
            raise ValueError(f"`scale` must be at least 1. Got: {self.scale}.")
        if self.patch_size < 32 or self.patch_size % self.scale:
            raise ValueError(
                f"`patch_size` must be at least 32 and a multiple of `scale` = {self.scale}. "
                f"Got: {self.patch_size}."
            )
        if self.patches_per_page < 1:
            raise ValueError(
                f"`patches_per_page` must be at least 1. Got: {self.patches_per_page}."
            )
        if not 0 <= self.noise_max <= 1:
            raise ValueError(f"`noise_max` must lie in [0, 1]. Got: {self.noise_max}.")
        if self.noise_stage not in ("hr", "lr"):
            raise ValueError(f"`noise_stage` must be 'hr' or 'lr'. Got: {self.noise_stage!r}.")
        if self.domain not in DOMAINS:
            raise ValueError(f"`domain` must be one of {DOMAINS}. Got: {self.domain!r}.")

    def pair(self, seed: int, index: int, split: str) -> Pair:
        """Make pair number `index` of a split. See the class for the recipe.

        Raises:
          ValueError: `split` is unknown or `index` negative.
        """
        if index < 0:
            raise ValueError(f"`index` must be at least 0. Got: {index}.")
        page_index = index // self.patches_per_page
        page = _page(seed, split, page_index, self._page_side(), self.domain)
        rng = _generator(seed, split, "pair", index)
        psf, drawn = text_psf(rng)
        border = psf.shape[0] // 2
        top, left = self._position(rng, page.image)
        side = self.patch_size
        rows = slice(top - border, top + side + border)
        region = page.image[rows, left - border : left + side + border]
        noise_std = float(rng.uniform(0.0, self.noise_max))
        blurred = blur(region, psf)
        if self.noise_stage == "hr":
            blurred = blurred + noise_std * rng.standard_normal(blurred.shape, np.float32)
        lr = downscale(to_uint8(blurred).astype(np.float32) / 255, self.scale)
        if self.noise_stage == "lr":
            lr = lr + noise_std * rng.standard_normal(lr.shape, np.float32)
        hr = page.image[top : top + side, left : left + side]
        drawn = {
            **page.drawn,
            **drawn,
            "noise_std": noise_std,
            "page": page_index,
            "top": top,
            "left": left,
        }
        return Pair(to_uint8(lr), to_uint8(hr), drawn)

    def _page_side(self) -> int:
        """Room for the patch and the blur's border; pages that are cut up are wider."""
        border = TEXT_PSF_SIZE_MAX // 2
        side = self.patch_size if self.patches_per_page == 1 else max(384, 2 * self.patch_size)
        return side + 2 * border

    def _position(self, rng: np.random.Generator, page: np.ndarray) -> tuple[int, int]:
        """Draw the patch's corner; empty paper gets up to four further draws."""
        border = TEXT_PSF_SIZE_MAX // 2
        last = page.shape[0] - border - self.patch_size
        for _ in range(5):
            top, left = (int(value) for value in rng.integers(border, last + 1, 2))
            patch = page[top : top + self.patch_size, left : left + self.patch_size, 1]
            if patch.std() > 0.05:
                break
        return top, left


def _generator(seed: int, split: str, purpose: str, index: int) -> np.random.Generator:
    """Return the generator of one draw, independent of that of every other."""
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Got: {split!r}.")
    words = [seed, SPLITS.index(split), *purpose.encode(), index]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


@lru_cache(maxsize=32)  # Pairs may be made alternately from PAGES_ALIVE pages, and validation's.
def _page(seed: int, split: str, index: int, side: int, domain: str) -> Page:
    page = render_page(_generator(seed, split, "page", index), split, (side, side), domain)
    page.image.setflags(write=False)  # Shared by every pair that is cut from it.
    return page
