"""SCGAN's text (Xu et al. 2017, §4), from rendered, user-supplied or already blurred pages."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from tfdeblur.degradations.kernels import TEXT_PSF_SIZE_MAX, blur, blur_mirrored, text_psf
from tfdeblur.degradations.page_sources import SPLITS
from tfdeblur.degradations.pages import COLOUR, DOMAINS, Page, render_page
from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import check_photo, size_text
from tfdeblur.degradations.recipes.noise import check_noise, reduce_noisily
from tfdeblur.degradations.recipes.pair import Pair, UnfitImage
from tfdeblur.images.resize import to_uint8

PAGES_ALIVE = 16  # Alternating between more pages may render them again each time.
_JPEG_SHARE = 0.3  # Of the inputs in colour, as users' pictures are often JPEGs.
_QUALITIES = 40, 96
_IDENTITY = np.ones((1, 1), np.float32)
_INK = 0.05  # Least standard deviation, as a share of the range, of a patch with ink.


@dataclass(frozen=True)
class TextRecipe(Recipe):
    """Blurred, low-resolution pages: the text data of SCGAN (Xu et al. 2017, §4), rendered.

    sharp page -> disc ⊛ random walk -> Gaussian noise, sigma ~ U(0, 7/255) -> 8 bit -> MATLAB
    bicubic / 4 -> 8 bit. The noise is added to the blurred high-resolution patch, before the
    down-sampling (`noise_stage="hr"`), or after it (`"lr"`); the paper's "blurred patches" does not
    say which. No noise is mentioned for the test images; `degrade` adds none to held-out ones.

    The domain `colour` is not from the paper: there, three inputs in ten also pass through JPEG at
    a quality from 40 to 95 (`jpeg_quality`; 100: none).

    Attributes:
      patch_size: side of the square target in pixels, a multiple of `scale`.
      patches_per_page: number of consecutive indices that are cut from one rendered page.
      noise_max: largest noise standard deviation on the [0, 1] scale; 0 turns noise off.
      noise_stage: `hr` or `lr`.
      domain: a domain of `pages.render_page`.
    """

    name = "scgan_text"
    version = "1.1.0"
    side_fields = ("patch_size",)
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
        check_noise(self.noise_max, self.noise_stage)
        if self.domain not in DOMAINS:
            raise ValueError(f"`domain` must be one of {DOMAINS}. Got: {self.domain!r}.")

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shapes of a pair's images: `degraded` and `target`."""
        return self.pair_shapes(self.patch_size, self.patch_size)

    def pair(self, seed: int, index: int, split: str) -> Pair:
        """Make pair number `index` of a split, from a rendered page. See the class for the recipe.

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
        most = TEXT_PSF_SIZE_MAX // 2
        last = page.image.shape[0] - most - self.patch_size
        top, left = self._position(page.image, lambda: rng.integers(most, last + 1, 2).tolist())
        side = self.patch_size
        rows = slice(top - border, top + side + border)
        region = page.image[rows, left - border : left + side + border]
        noise_std = float(rng.uniform(0.0, self.noise_max))
        blurred = 255 * blur(region, psf)
        degraded = reduce_noisily(blurred, rng, noise_std, self.noise_stage, self.scale)
        if self.domain == COLOUR:
            quality = int(rng.integers(*_QUALITIES)) if rng.random() < _JPEG_SHARE else 100
            drawn["jpeg_quality"] = quality
            degraded = degraded if quality == 100 else _through_jpeg(degraded, quality)
        hr = page.image[top : top + side, left : left + side]
        drawn = {
            **page.drawn,
            **drawn,
            "noise_std": noise_std,
            "page": page_index,
            "top": top,
            "left": left,
        }
        return Pair(degraded, to_uint8(hr), drawn)

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Cut a random patch from a user's page and degrade it.

        The blur sees the patch's real surroundings, mirrored where the page ends. A page that is
        already blurred is only made noisy and reduced: for the pairs published by Hradiš et al.,
        from which SCGAN's were cut.

        Args:
          sharp: `[H, W, 3]` uint8, the page.
          rng: source of every draw.
          given: `blurry` is the page if it is already blurred.

        Raises:
          UnfitImage: the page is smaller than the patch, or its two images differ in size.
        """
        psf, drawn = text_psf(rng) if given.blurry is None else (_IDENTITY, {})
        page = sharp if given.blurry is None else given.blurry
        if page.shape != sharp.shape:
            raise UnfitImage(
                f"must be as large as the sharp image, {size_text(sharp)} px. "
                f"Got: {size_text(page)}."
            )
        top, left = self._position_on(sharp, rng)
        noise_std = float(rng.uniform(0.0, 0.0 if given.held_out else self.noise_max))
        side = self.patch_size
        blurred = blur_mirrored(page, psf, (top, left, side, side))
        lr = reduce_noisily(blurred, rng, noise_std, self.noise_stage, self.scale)
        hr = sharp[top : top + side, left : left + side]
        return Pair(lr, hr, {**drawn, "noise_std": noise_std, "top": top, "left": left})

    def _page_side(self) -> int:
        """Side that fits the patch and the blur's border; larger for several patches per page."""
        border = TEXT_PSF_SIZE_MAX // 2
        side = self.patch_size if self.patches_per_page == 1 else max(384, 2 * self.patch_size)
        return side + 2 * border

    def _position_on(self, page: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
        check_photo(page, self.patch_size)
        room = [length - self.patch_size + 1 for length in page.shape[:2]]
        return self._position(page, lambda: [int(rng.integers(most)) for most in room])

    def _position(self, page: np.ndarray, draw: Callable[[], list[int]]) -> tuple[int, int]:
        """Draw the patch's corner, up to four more times if the patch is empty paper."""
        least = _INK * (255 if page.dtype == np.uint8 else 1)
        for _ in range(5):
            top, left = draw()
            patch = page[top : top + self.patch_size, left : left + self.patch_size]
            if cv2.meanStdDev(patch)[1][1] > least:  # Of green.
                break
        return top, left


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode uint8 `[h, w, 3]` as JPEG with colours at half resolution, and decode it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file))


def _generator(seed: int, split: str, purpose: str, index: int) -> np.random.Generator:
    """Return the generator of one draw, independent of all others."""
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Got: {split!r}.")
    words = [seed, SPLITS.index(split), *purpose.encode(), index]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


@lru_cache(maxsize=32)  # Room for PAGES_ALIVE alternating pages, and validation's.
def _page(seed: int, split: str, index: int, side: int, domain: str) -> Page:
    page = render_page(_generator(seed, split, "page", index), split, (side, side), domain)
    page.image.setflags(write=False)  # Shared by all pairs cut from it.
    return page
