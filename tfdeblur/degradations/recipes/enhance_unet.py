"""Qi et al.'s faces (MTAP 2020, §4): 800 kernels of shaken cameras, 40 for each photograph."""

from dataclasses import dataclass

import numpy as np

from tfdeblur.degradations.kernels import TRAJECTORY_SIZES, blur_mirrored
from tfdeblur.degradations.recipes.geometry import check_photo, cover
from tfdeblur.degradations.recipes.pair import Pair, Recipe
from tfdeblur.images.resize import round_levels

TRAIN_PAIRS = 40  # Of a photograph: five kernels of each size.
TEST_PAIRS = 8  # Of a photograph: eight kernels of one size.
TEST_KERNELS_FROM = 1_000_000  # Numbers that no kernel of training has.
_SIZES = len(TRAJECTORY_SIZES)
_GROUPS = 20  # Of the training photographs; each has kernels of its own.


@dataclass(frozen=True)
class EnhanceUnetRecipe(Recipe):
    """Blurred faces of the same size: the data of Qi et al. (MTAP 2020, §4).

    photo -> trajectory kernel of 13 to 27 px, mirrored borders -> 8 bit -> a random square of
    150 px. No noise.

    The paper's faces are CelebA's aligned ones, 178 px wide and 218 px high. Larger photographs are
    shrunk until they just cover that and cut out centrally; none is enlarged.

    Of the 800 kernels, 100 of each of eight sizes, every twentieth part of the training photographs
    has 40 of its own, 5 of each size: 8,000 photographs make 320,000 pairs. Every eighth part of
    the test photographs has the 8 test kernels of one size: 200 make 1,600.

    Paper: whether a test kernel occurs in training is not stated; here: none does.

    Attributes:
      crop_size: side of the square in pixels.
      height: of a photograph after `fit`, at most, in pixels.
      width: the same.
    """

    name = "enhance_unet"
    version = "1.0.0"
    scale = 1
    crop_size: int = 150
    height: int = 218
    width: int = 178

    def __post_init__(self):
        if not 1 <= self.crop_size <= min(self.height, self.width):
            raise ValueError(
                f"`crop_size` must lie in 1..{min(self.height, self.width)}. Got: {self.crop_size}."
            )

    def fit(self, photo: np.ndarray) -> np.ndarray:
        """Bring a photograph to CelebA's size; what has that size already stays as it is.

        Args:
          photo: `[H, W, 3]` uint8.

        Returns:
          uint8, at most `[height, width, 3]`.

        Raises:
          UnfitImage: a side of the photograph is shorter than `crop_size`.
        """
        check_photo(photo, self.crop_size)
        return cover(photo, self.height, self.width)

    def degrade(
        self, photo: np.ndarray, rng: np.random.Generator, psf: np.ndarray, centred: bool = False
    ) -> Pair:
        """Blur a photograph with a kernel and cut out a square.

        Args:
          photo: as for `fit`.
          rng: source of the square's position.
          psf: a kernel.
          centred: whether the square is the middle one instead, as in the test.

        Raises:
          UnfitImage: as `fit`.
        """
        sharp, side = self.fit(photo), self.crop_size
        rows, columns = (length - side for length in sharp.shape[:2])
        if centred:
            top, left = rows // 2, columns // 2
        else:
            top, left = int(rng.integers(rows + 1)), int(rng.integers(columns + 1))
        blurry = round_levels(blur_mirrored(sharp, psf, (top, left, side, side)))
        drawn = {"top": top, "left": left, "psf_size": len(psf)}
        return Pair(blurry, sharp[top : top + side, left : left + side], drawn)

    def train_kernel(self, image_number: int, image_count: int, pair_number: int) -> int:
        """Return which kernel makes a pair of training.

        Args:
          image_number: of the photograph, from 0.
          image_count: photographs in training.
          pair_number: 0 to 39: a kernel of each size, then another of each, …

        Returns:
          0 to 799, the number of a kernel of the family `trajectory` of `kernel_bank`.

        Raises:
          ValueError: an argument is out of its range.
        """
        _check_numbers(image_number, image_count, pair_number, TRAIN_PAIRS)
        return image_number * _GROUPS // image_count * TRAIN_PAIRS + pair_number

    def test_kernel(self, image_number: int, image_count: int, pair_number: int) -> int:
        """Return which kernel makes a pair of the test; all those of a photograph have one size.

        Args:
          image_number: of the photograph, from 0.
          image_count: photographs in the test.
          pair_number: 0 to 7.

        Returns:
          `TEST_KERNELS_FROM` + 0 to 63, as `train_kernel`.

        Raises:
          ValueError: an argument is out of its range.
        """
        _check_numbers(image_number, image_count, pair_number, TEST_PAIRS)
        size = image_number * _SIZES // image_count
        return TEST_KERNELS_FROM + pair_number * _SIZES + size


def _check_numbers(image_number: int, image_count: int, pair_number: int, pairs: int) -> None:
    for name, value, count in (
        ("image_number", image_number, image_count),
        ("pair_number", pair_number, pairs),
    ):
        if not 0 <= value < count:
            raise ValueError(f"`{name}` must lie in 0..{count - 1}. Got: {value}.")
