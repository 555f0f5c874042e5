"""The images that the gate runs: real ones from a folder, or freshly drawn pages of text.

Either way they are cropped to five sizes, odd and oblong ones among them, so that the gate sees
shapes that training never showed.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.data.pairs import LAYOUTS, check_scale, read_pair_folder
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur.images.files import find_images, read_image

COUNT = 10
SEED = 2017
PAGE_SIDE = 300  # px, of the sharp page
LARGEST_SIDE = 160  # px, of the degraded image: the gate stays a matter of seconds.
# Height and width of the crops, as shares of the image's sides.
SHARES = ((1.0, 1.0), (0.75, 1.0), (1.0, 0.71), (0.65, 0.49), (0.33, 0.87))


class CheckImages(NamedTuple):
    """Degraded `[H, W, 3] uint8` images and, where there are any, their `[sH, sW, 3]` targets."""

    images: list[np.ndarray]
    targets: list[np.ndarray] | None


def crop_to_sizes(
    images: list[np.ndarray], targets: list[np.ndarray] | None, scale: int
) -> CheckImages:
    """Crop image i and its target, from the top left corner, by pair i modulo 5 of `SHARES`."""
    sizes = [
        tuple(
            max(1, round(min(side, LARGEST_SIDE) * share))
            for side, share in zip(image.shape[:2], SHARES[index % len(SHARES)], strict=True)
        )
        for index, image in enumerate(images)
    ]
    degraded = [image[:h, :w] for image, (h, w) in zip(images, sizes, strict=True)]
    if targets is None:
        return CheckImages(degraded, None)
    sharp = [
        target[: scale * h, : scale * w] for target, (h, w) in zip(targets, sizes, strict=True)
    ]
    return CheckImages(degraded, sharp)


def draw_check_images(scale: int) -> CheckImages:
    """Draw ten pages of text that no training run has seen (split `test`), with their targets.

    Raises:
      ValueError: the model's scale is not the recipe's.
    """
    recipe = TextRecipe(patch_size=PAGE_SIDE, patches_per_page=1)
    if scale != recipe.scale:
        raise ValueError(
            f"Drawn pages are {recipe.scale} times smaller than their targets, the model's scale "
            f"is {scale}: give the gate a folder of real images."
        )
    pairs = [recipe.pair(SEED, index, "test") for index in range(COUNT)]
    return crop_to_sizes([pair.degraded for pair in pairs], [pair.target for pair in pairs], scale)


def read_check_images(directory: Path | str, scale: int) -> CheckImages:
    """Read the first ten images of a folder, or the first ten pairs where it holds pairs.

    Pairs lie in `lr/` and `hr/`, or `blurry/` and `sharp/`.

    Raises:
      ValueError: the folder holds fewer than ten images, or a pair does not fit `scale`.
    """
    directory = Path(directory)
    targets = None
    if any((directory / name).is_dir() for names in LAYOUTS for name in names):
        pairs = [pair.load() for pair in read_pair_folder(directory)[:COUNT]]
        for pair in pairs:
            check_scale(pair, scale)
        images, targets = [pair.degraded for pair in pairs], [pair.target for pair in pairs]
    else:
        images = [read_image(path) for path, _ in find_images([directory])[:COUNT]]
    if len(images) < COUNT:
        raise ValueError(
            f"`{directory}` must hold at least {COUNT} images for the gate. Got: {len(images)}."
        )
    return crop_to_sizes(images, targets, scale)
