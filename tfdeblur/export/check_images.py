"""The images that the gate runs: real ones from a folder, or newly rendered pages of text.

Either way they are cropped to five sizes, some odd or oblong, so that the gate sees shapes that
training never did. Images for a model with a fixed input size are not cropped.
"""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.data.pairs import LAYOUTS, ImagePair, check_scale, read_pair_folder
from tfdeblur.degradations.recipes import GeneratedRecipe, TextRecipe
from tfdeblur.images.files import find_images, read_image

COUNT = 10
SEED = 2017
PAGE_SIDE = 300  # px, of the sharp page
LARGEST_SIDE = 160  # px, of the degraded image, so that the gate takes only seconds.
# Height and width of the crops, as shares of the image's sides.
SHARES = ((1.0, 1.0), (0.75, 1.0), (1.0, 0.71), (0.65, 0.49), (0.33, 0.87))


class CheckImages(NamedTuple):
    """Degraded `[H, W, 3] uint8` images and, if available, their `[sH, sW, 3]` targets."""

    images: list[np.ndarray]
    targets: list[np.ndarray] | None


def crop_to_sizes(
    images: list[np.ndarray], targets: list[np.ndarray] | None, scale: int
) -> CheckImages:
    """Crop image i and its target from the top left corner by entry i modulo 5 of `SHARES`."""
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


def draw_check_images(
    scale: int,
    fixed_input_size: int | None = None,
    recipe: TextRecipe | GeneratedRecipe | None = None,
) -> CheckImages:
    """Render ten pages that no training run has seen (split `test`), with their targets.

    Args:
      scale: the model's.
      fixed_input_size: side of the images if the model accepts only one size.
      recipe: degradation recipe, whose patch size is replaced; None: printed text.

    Raises:
      ValueError: the model's scale differs from the recipe's.
    """
    recipe = recipe or TextRecipe()
    if scale != recipe.scale:
        raise ValueError(
            f"Drawn pages are {recipe.scale} times smaller than their targets, the model's scale "
            f"is {scale}: give the gate a folder of real images."
        )
    side = PAGE_SIDE if fixed_input_size is None else scale * fixed_input_size
    recipe = dataclasses.replace(recipe, patch_size=side, patches_per_page=1)
    made = [recipe.pair(SEED, index, "test") for index in range(COUNT)]
    pairs = [ImagePair("", pair.degraded, pair.target).as_rgb() for pair in made]
    images, targets = [pair.degraded for pair in pairs], [pair.target for pair in pairs]
    if fixed_input_size is not None:
        return CheckImages(images, targets)
    return crop_to_sizes(images, targets, scale)


def read_check_images(
    directory: Path | str, scale: int, fixed_input_size: int | None = None
) -> CheckImages:
    """Read the first ten images of a folder, or the first ten pairs if it holds pairs.

    Pairs are in `lr/` and `hr/`, or in `blurry/` and `sharp/`.

    Args:
      directory: the folder.
      scale: the model's.
      fixed_input_size: required side of the images if the model accepts only one size. They are
        then not cropped.

    Raises:
      ValueError: the folder holds fewer than ten images, a pair does not fit `scale`, or an image
        has a size that the model does not accept.
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
    if fixed_input_size is None:
        return crop_to_sizes(images, targets, scale)
    for height, width, _ in (image.shape for image in images):
        if (height, width) != (fixed_input_size, fixed_input_size):
            raise ValueError(
                f"`{directory}` must hold images of {fixed_input_size}x{fixed_input_size} px, the "
                f"one size that the model takes. Got: {width}x{height}."
            )
    return CheckImages(images, targets)
