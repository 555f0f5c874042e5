"""Arbitrary photographs: squares of any picture, varied and blurred anew on each read."""

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import central_square, check_photo, resized
from tfdeblur.degradations.recipes.pair import Pair
from tfdeblur.degradations.recipes.variation import draw_levels
from tfdeblur.degradations.recipes.wrfn import WrfnRecipe

_UNSCALED = 0.5  # Share of the squares that keep their size.
_FLAT = 6.0  # Levels; a square with a smaller standard deviation shows nothing.


@dataclass(frozen=True)
class WideRecipe(Recipe):
    """Blurred, noisy grey squares of photographs: data for WRFN models for any photograph.

    photo -> MATLAB bicubic until its shorter side is log-uniform in `side`..`largest` px, never
    enlarged -> a square of `side`. Then, on each read for training (`vary`):

    grey or one of R, G, B, equally often -> half of them shrunk -> gamma, contrast and level ->
    quarter turns, if enabled -> a window; on each read: kernel of the bank, mirrored borders ->
    Gaussian noise, sigma ~ U(0, `noise_max`) -> 8 bit (`degrade`).

    No paper has this recipe; the ranges are ours. Single channels are included because colour
    pictures are restored channel by channel.

    Attributes:
      side: of the squares in pixels.
      noise_max: largest noise standard deviation on the [0, 1] scale.
      largest: shorter side in pixels of the largest photographs that squares are cut from.
      turns: whether `vary` rotates by 0, 90, 180 or 270 degrees; for pictures without faces.
    """

    name = "wide"
    version = "1.0.0"
    scale = 1
    channels = 1
    family = "wide"
    on_reading = True
    side: int = 320
    noise_max: float = 0.02
    largest: int = 1280
    turns: bool = False

    def __post_init__(self):
        if self.side < 1:
            raise ValueError(f"`side` must be at least 1. Got: {self.side}.")
        if not 0 <= self.noise_max <= 1:
            raise ValueError(f"`noise_max` must lie in [0, 1]. Got: {self.noise_max}.")
        if self.largest < self.side:
            raise ValueError(
                f"`largest` must be at least `side`, {self.side}. Got: {self.largest}."
            )

    def fit(self, photo: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Cut a sharp square out of a photograph, with up to four more draws if it is flat.

        Args:
          photo: `[H, W, 3]` uint8.
          rng: source of size and position; None: the largest central square.

        Returns:
          `[side, side, 3]` uint8.

        Raises:
          UnfitImage: a side of the photograph is shorter.
        """
        check_photo(photo, self.side)
        if rng is None:
            return resized(central_square(photo), self.side, self.side)
        shorter = min(photo.shape[:2])
        most = min(shorter, self.largest)
        for _ in range(5):
            factor = np.exp(rng.uniform(np.log(self.side), np.log(most))) / shorter
            # Shrink only the part of the photograph that becomes the square.
            length = min(round(self.side / factor), shorter)
            top, left = (int(rng.integers(size - length + 1)) for size in photo.shape[:2])
            square = photo[top : top + length, left : left + length]
            if square.std() > _FLAT:
                break
        return resized(square, self.side, self.side)

    def vary(
        self, sharp: np.ndarray, rng: np.random.Generator, side: int
    ) -> tuple[np.ndarray, tuple[int, int, int]]:
        """Draw a training image from a sharp square. See the class for the draws.

        Args:
          sharp: `[S, S, 3]` uint8.
          rng: source of every draw.
          side: of the window in pixels, at most S; squares are not shrunk below it.

        Returns:
          `[s, s, 1]` uint8, sharp, and a window of it: top, left and side.

        Raises:
          ValueError: `side` is larger than the square.
        """
        size = len(sharp)
        if not 1 <= side <= size:
            raise ValueError(f"`side` must lie in 1..{size}. Got: {side}.")
        image = sharp[..., rng.integers(3)] if rng.random() < 0.5 else _grey(sharp)
        if rng.random() >= _UNSCALED:
            size = round(np.exp(rng.uniform(np.log(side), np.log(size))))
            image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        image = draw_levels(rng)[image]
        if self.turns:
            image = np.rot90(image, int(rng.integers(4)))
        top, left = (int(at) for at in rng.integers(0, size - side + 1, 2))
        return np.ascontiguousarray(image)[..., None], (top, left, side)

    def draw(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Draw a training pair: `vary`, then `degrade` a window, of which only the side is given.

        Args and errors: as `vary` and `degrade`; without a window, the whole square is used.
        """
        side = given.window[2] if given.window else len(sharp)
        image, window = self.vary(sharp, rng, side)
        return self.degrade(image, rng, dataclasses.replace(given, window=window))

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Blur an image, grey or not, with a kernel drawn from a bank, and add noise.

        Args and errors: as `WrfnRecipe.degrade`; a `sharp` of `[H, W, 3]` is converted to grey.
        """
        grey = _grey(sharp)[..., None] if sharp.shape[2] == 3 else sharp
        noise_std = float(rng.uniform(0.0, self.noise_max))
        pair = WrfnRecipe(noise_std=noise_std).degrade(grey, rng, given)
        return dataclasses.replace(pair, drawn={**pair.drawn, "noise_std": noise_std})


def _grey(image: np.ndarray) -> np.ndarray:
    """Return `[H, W]`: full-range BT.601, as in `WrfnRecipe`."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
