"""SCGAN's faces with new draws on each read: size, position, levels, blur and noise."""

from dataclasses import dataclass

import cv2
import numpy as np

from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import central_square, check_photo, resized
from tfdeblur.degradations.recipes.noise import check_noise
from tfdeblur.degradations.recipes.pair import Pair
from tfdeblur.degradations.recipes.scgan_face import ScganFaceRecipe
from tfdeblur.degradations.recipes.variation import draw_levels

_LEAST_WINDOW = 0.6  # Of the stored face's side.
_GAINS = (0.88, 1.0)  # Of each channel.


@dataclass(frozen=True)
class FreshFaceRecipe(Recipe):
    """`ScganFaceRecipe`, redrawn for each image in each epoch instead of once.

    photo, central square -> MATLAB bicubic to `stored` px, which is kept. Then, each time that it
    is read for training (`draw`): a window of 0.6 to 1 of its side, anywhere, reduced to `side` by
    averaging -> gamma, contrast, level and a gain per channel -> `ScganFaceRecipe.degrade`.

    Paper: one million pairs of 162,770 photographs are drawn once. With few photographs that gives
    little variety; the variation and its ranges are ours.

    Attributes:
      stored: side of the stored square in pixels, at least 5/3 of `side`.
      side, scale, noise_max, noise_stage: as in `ScganFaceRecipe`.
    """

    name = "scgan_face_fresh"
    version = "1.0.0"
    on_reading = True
    stored: int = 160
    side: int = 64
    scale: int = 4
    noise_max: float = 7 / 255
    noise_stage: str = "hr"

    def __post_init__(self):
        self._fixed(self.side)
        check_noise(self.noise_max, self.noise_stage)
        if self.stored * _LEAST_WINDOW < self.side:
            least = int(np.ceil(self.side / _LEAST_WINDOW))
            raise ValueError(f"`stored` must be at least {least}. Got: {self.stored}.")

    @property
    def default_side(self) -> int:
        """`side`: the stored square is larger than a target."""
        return self.side

    def fit(self, photo: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Make the square of a photograph that is stored, `[stored, stored, 3]`."""
        check_photo(photo, self.stored)
        return resized(central_square(photo), self.stored, self.stored)

    def draw(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Draw a training pair from a stored square. See the class for the draws.

        Args:
          sharp: `[S, S, 3]` uint8.
          rng: source of every draw.
          given: only the side of `window` is used: of the target, a multiple of `scale`.

        Raises:
          ValueError: a window would have to be enlarged.
        """
        side = given.window[2] if given.window else self.side
        length = len(sharp)
        least = max(side, round(_LEAST_WINDOW * length))
        if length < side:
            raise ValueError(f"`side` must be at most {length}. Got: {side}.")
        window = int(rng.integers(least, length + 1))
        top, left = (int(at) for at in rng.integers(0, length - window + 1, 2))
        face = sharp[top : top + window, left : left + window]
        face = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
        gains = rng.uniform(*_GAINS, 3)
        levels = np.rint(draw_levels(rng)[:, None] * gains).astype(np.uint8)
        varied = np.stack([levels[face[..., channel], channel] for channel in range(3)], axis=2)
        return self._fixed(side).degrade(varied, rng)

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Degrade a stored square without variation: the whole face at `side` px."""
        return self._fixed(self.side).degrade(sharp, rng, given)

    def _fixed(self, side: int) -> ScganFaceRecipe:
        return ScganFaceRecipe(side, self.scale, self.noise_max, self.noise_stage)
