"""Qi et al.'s faces (MTAP 2020, §4): 800 camera-shake kernels, 40 per photograph."""

from dataclasses import dataclass

import numpy as np

from tfdeblur.degradations.kernels import TRAJECTORY_SIZES, blur_mirrored
from tfdeblur.degradations.recipes.geometry import check_photo, cover
from tfdeblur.degradations.recipes.pair import Pair, Recipe
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
    photographs has the 8 test kernels of one size: 200 photographs give 1,600 pairs.

    Paper: does not say whether test kernels occur in training; here: none does.

    Attributes:
      crop_size: side of the square in pixels.
      height: maximum height of a photograph after `fit`, in pixels.
      width: maximum width of a photograph after `fit`, in pixels.
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
        """Bring a photograph to CelebA's size, unchanged if it already has that size.

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
        """Blur a photograph with a kernel and crop a square.

        Args:
          photo: as for `fit`.
          rng: source of the square's position.
          psf: a kernel.
          centred: whether to crop the central square instead, as in the test.

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
        """Return the kernel number of a training pair.

        Args:
          image_number: of the photograph, from 0.
          image_count: number of training photographs.
          pair_number: 0 to 39: a kernel of each size, then another of each, …

        Returns:
          0 to 799, the number of a kernel of the family `trajectory` of `kernel_bank`.

        Raises:
          ValueError: an argument is out of its range.
        """
        _check_numbers(image_number, image_count, pair_number, TRAIN_PAIRS)
        return image_number * _GROUPS // image_count * TRAIN_PAIRS + pair_number

    def test_kernel(self, image_number: int, image_count: int, pair_number: int) -> int:
        """Return the kernel number of a test pair; all kernels of a photograph have one size.

        Args:
          image_number: of the photograph, from 0.
          image_count: number of test photographs.
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
