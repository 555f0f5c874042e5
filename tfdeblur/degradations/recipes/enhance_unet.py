"""Qi et al.'s faces (MTAP 2020, §4): 800 camera-shake kernels, 40 per photograph."""

from dataclasses import dataclass

import numpy as np

from tfdeblur.degradations.kernels import TRAJECTORY_SIZES, blur_mirrored
from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import check_photo, cover
from tfdeblur.degradations.recipes.pair import Pair
from tfdeblur.images.resize import round_levels

TRAIN_PAIRS = 40  # Per photograph: five kernels of each size.
TEST_PAIRS = 8  # Per photograph: eight kernels of one size.
TEST_KERNELS_FROM = 1_000_000  # Beyond the numbers of all training kernels.
_SIZES = len(TRAJECTORY_SIZES)
_GROUPS = 20  # Of the training photographs; each has its own kernels.


@dataclass(frozen=True)
class EnhanceUnetRecipe(Recipe):
    """Blurred faces of the same size: the data of Qi et al. (MTAP 2020, §4).

    photo -> trajectory kernel of 13 to 27 px, mirrored borders -> 8 bit -> a random square of
    150 px. No noise.

    The paper uses CelebA's aligned faces, 178 px wide and 218 px high. Larger photographs are
    shrunk to just cover that size and cropped centrally; no photograph is enlarged.

    There are 800 kernels, 100 of each of eight sizes. Each twentieth of the training photographs
    has 40 of its own, 5 of each size: 8,000 photographs give 320,000 pairs. Each eighth of the test
    photographs has the 8 test kernels of one size: 200 photographs give 1,600 pairs. Held-out
    photographs are cropped in the middle.

    Paper: does not say whether test kernels occur in training; here: none does.

    Attributes:
      crop_size: side of the square in pixels.
      height: maximum height of a photograph after `fit`, in pixels.
      width: maximum width of a photograph after `fit`, in pixels.
    """

    name = "enhance_unet"
    version = "1.0.0"
    scale = 1
    family = "trajectory"
    side_fields = ("crop_size", "height", "width")
    crop_size: int = 150
    height: int = 218
    width: int = 178

    def __post_init__(self):
        if not 1 <= self.crop_size <= min(self.height, self.width):
            raise ValueError(
                f"`crop_size` must lie in 1..{min(self.height, self.width)}. Got: {self.crop_size}."
            )

    def fit(self, photo: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Bring a photograph to CelebA's size, unchanged if it already has that size.

        Returns:
          uint8, at most `[height, width, 3]`.

        Raises:
          UnfitImage: a side of the photograph is shorter than `crop_size`.
        """
        check_photo(photo, self.crop_size)
        return cover(photo, self.height, self.width)

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Blur a photograph with a kernel and crop a square, the central one if held out."""
        photo, side = self.fit(sharp), self.crop_size
        psf = given.psfs[given.draw_kernel(rng)]
        rows, columns = (length - side for length in photo.shape[:2])
        if given.held_out:
            top, left = rows // 2, columns // 2
        else:
            top, left = int(rng.integers(rows + 1)), int(rng.integers(columns + 1))
        blurry = round_levels(blur_mirrored(photo, psf, (top, left, side, side)))
        drawn = {"top": top, "left": left, "psf_size": len(psf)}
        return Pair(blurry, photo[top : top + side, left : left + side], drawn)

    def kernel_number(
        self, image_number: int, image_count: int, pair_number: int, held_out: bool = False
    ) -> int:
        """Return the number of a pair's kernel in the family `trajectory` of `kernel_bank`.

        Args:
          image_number: of the photograph in its split, from 0.
          image_count: number of photographs in the split.
          pair_number: of the photograph's pair. In training, 0 to 39: a kernel of each size, then
            another of each, …; held out, 0 to 7: kernels of one size.
          held_out: whether the pair is for validation or test.

        Returns:
          0 to 799 in training; held out, 0 to 63 beyond `TEST_KERNELS_FROM`.

        Raises:
          ValueError: an argument is out of its range.
        """
        for name, value, count in (
            ("image_number", image_number, image_count),
            ("pair_number", pair_number, TEST_PAIRS if held_out else TRAIN_PAIRS),
        ):
            if not 0 <= value < count:
                raise ValueError(f"`{name}` must lie in 0..{count - 1}. Got: {value}.")
        if held_out:
            size = image_number * _SIZES // image_count
            return TEST_KERNELS_FROM + pair_number * _SIZES + size
        return image_number * _GROUPS // image_count * TRAIN_PAIRS + pair_number
