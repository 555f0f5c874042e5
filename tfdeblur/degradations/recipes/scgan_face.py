"""SCGAN's faces (Xu et al. 2017, §4)."""

from dataclasses import dataclass

import numpy as np

from tfdeblur.degradations.kernels import blur_mirrored, text_psf
from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import central_square, check_photo, resized
from tfdeblur.degradations.recipes.noise import check_noise, reduce_noisily
from tfdeblur.degradations.recipes.pair import Pair


@dataclass(frozen=True)
class ScganFaceRecipe(Recipe):
    """Blurred, low-resolution faces: the face data of SCGAN (Xu et al. 2017, §4).

    photo, central square -> MATLAB bicubic to `side` -> disc ⊛ random walk, mirrored borders ->
    Gaussian noise, sigma ~ U(0, 7/255) -> 8 bit -> MATLAB bicubic / 4 -> 8 bit; `noise_stage` as in
    `TextRecipe`.

    Paper: does not state the faces' size; here: 64 px, as implied by its 16 px inputs and the
    discriminator's size. No noise is mentioned for the test images; here: held-out ones have none.

    Attributes:
      side: of the square target in pixels, a multiple of `scale`.
      noise_max: largest noise standard deviation on the [0, 1] scale; 0 turns noise off.
      noise_stage: `hr` or `lr`.
    """

    name = "scgan_face"
    version = "1.0.0"
    side: int = 64
    scale: int = 4
    noise_max: float = 7 / 255
    noise_stage: str = "hr"

    def __post_init__(self):
        if self.scale < 1:
            raise ValueError(f"`scale` must be at least 1. Got: {self.scale}.")
        if self.side < self.scale or self.side % self.scale:
            raise ValueError(
                f"`side` must be a multiple of `scale` = {self.scale}. Got: {self.side}."
            )
        check_noise(self.noise_max, self.noise_stage)

    def fit(self, photo: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Make the sharp face, `[side, side, 3]`, unchanged if it already has that size."""
        check_photo(photo, self.side)
        return resized(central_square(photo), self.side, self.side)

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Degrade a face, without noise if it is held out. See the base class."""
        face = self.fit(sharp)
        psf, drawn = text_psf(rng)
        noise_std = float(rng.uniform(0.0, 0.0 if given.held_out else self.noise_max))
        blurred = blur_mirrored(face, psf)
        lr = reduce_noisily(blurred, rng, noise_std, self.noise_stage, self.scale)
        return Pair(lr, face, {**drawn, "noise_std": noise_std})
