"""WRFN's faces (Jin et al. 2018, §5): grey, and blurred anew on each read."""

from dataclasses import dataclass

import cv2
import numpy as np

from tfdeblur.degradations.kernels import blur_mirrored
from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import central_square, check_photo, resized
from tfdeblur.degradations.recipes.noise import add_noise
from tfdeblur.degradations.recipes.pair import Pair
from tfdeblur.images.resize import round_levels


@dataclass(frozen=True)
class WrfnRecipe(Recipe):
    """Blurred, noisy grey faces of the same size: the data of WRFN (Jin et al. 2018, §5).

    photo, central square -> grey -> MATLAB bicubic to `side`; then, each time that it is read,
    spline kernel of the bank, mirrored borders -> Gaussian noise -> 8 bit.

    Paper: does not say how the image is extended beyond its border; here: mirrored.

    Attributes:
      side: of the square in pixels.
      noise_std: on the [0, 1] scale; the paper's 2.55 of 255.
    """

    name = "wrfn"
    version = "1.0.0"
    scale = 1
    channels = 1
    family = "spline"
    on_reading = True
    side: int = 320
    noise_std: float = 0.01

    def __post_init__(self):
        if self.side < 1:
            raise ValueError(f"`side` must be at least 1. Got: {self.side}.")
        if not 0 <= self.noise_std <= 1:
            raise ValueError(f"`noise_std` must lie in [0, 1]. Got: {self.noise_std}.")

    def fit(self, photo: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Make the sharp grey face from a photograph, `[side, side, 1]`.

        Grey is full-range BT.601, 0.299 R + 0.587 G + 0.114 B, as MATLAB's rgb2gray.
        """
        check_photo(photo, self.side)
        grey = cv2.cvtColor(central_square(photo), cv2.COLOR_RGB2GRAY)
        return resized(grey, self.side, self.side)[..., None]

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Blur a grey image with a kernel drawn from a bank, and add noise.

        Args:
          sharp: `[H, W, 1]` uint8.
          rng: source of the kernel's number and the noise.
          given: `psfs` is the bank. The blur of a `window` equals that part of the blurred whole
            image; the noise is drawn only for the window.

        Raises:
          ValueError: the bank is empty, its kernel is invalid, or the window leaves the image.
        """
        window = given.window
        top, left, height, width = (*window, window[2]) if window else (0, 0, *sharp.shape[:2])
        kernel = given.draw_kernel(rng)
        blurred = blur_mirrored(sharp, given.psfs[kernel], (top, left, height, width))
        blurry = round_levels(add_noise(blurred, rng, 255 * self.noise_std))
        target = sharp[top : top + height, left : left + width]
        return Pair(blurry, target, {"kernel": kernel})
