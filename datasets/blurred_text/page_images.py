"""Pairs of a user's own pages: sharp pages to blur, or blurred and sharp pages like Hradiš's."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow_datasets.core.features import FeaturesDict

from tfdeblur.data.build.builder import PairConfig
from tfdeblur.data.build.features import example_of, features_of
from tfdeblur.data.build.pair_sources import divide_pairs, files_of, read_pair
from tfdeblur.data.build.photos import Photos, without_suffix
from tfdeblur.data.build.shards import Key, Plan, SkippedExample
from tfdeblur.degradations.recipes import Given, TextRecipe, UnfitImage, example_rng

NAMES = ("blurry", "sharp")  # Folders of already blurred pages.


@dataclasses.dataclass(kw_only=True, eq=False)
class PageImagesConfig(PairConfig):
    """A configuration; see `PairConfig`. `count` is the number of training pages.

    Attributes:
      recipe: recipe of every pair; cuts `patches_per_page` per page in train, one elsewhere.
      held_out: numbers of validation and test pages.
      blurred: whether the pages are already blurred, and in blurry/ and sharp/.
    """

    recipe: TextRecipe
    held_out: tuple[int, int]
    blurred: bool = False


CONFIGS = [
    PageImagesConfig(
        name="page_images",
        description="Pages of your own, blurred: 16 patches of 64x64 px each, and 16x16 px.",
        recipe=TextRecipe(),
        held_out=(100, 100),
        examples_per_shard=1000,
    ),
    PageImagesConfig(
        name="page_pairs",
        description="The same of pages that are blurred already, as those of Hradiš et al.",
        recipe=TextRecipe(),
        held_out=(100, 100),
        blurred=True,
        examples_per_shard=1000,
    ),
]


def features(config: PageImagesConfig) -> FeaturesDict:
    """Return the features of the examples."""
    page = np.zeros((config.recipe.patch_size, config.recipe.patch_size, 3), np.uint8)
    given = Given(blurry=page if config.blurred else None)
    pair = config.recipe.degrade(page, example_rng(0, ""), given)
    return features_of(example_of("", config.recipe.names, pair))


def plan(config: PageImagesConfig, folder: Path) -> Plan:
    """List the pages; the patches of each form one group.

    Raises:
      ValueError: there are no pages.
    """
    if config.blurred:
        found = divide_pairs(folder, NAMES, config.held_out, config.count)
    else:
        found = Photos(str(folder)).divide(config.held_out, config.count)
    keys = {
        split: [[Key(name, number) for number in range(_patches(config, split))] for name in names]
        for split, names in found.names.items()
    }
    make = functools.partial(make_example, config, str(folder))
    return Plan(keys, make, found.files, found.excluded, found.notes)


def make_example(config: PageImagesConfig, folder: str, split: str, key: Key) -> dict[str, Any]:
    """Make one example of a page: `id`, `lr`, `hr` and the drawn parameters.

    Raises:
      SkippedExample: the page cannot be read or is too small.
    """
    if config.blurred:
        blurry, sharp = read_pair(folder, key.source, 1)
        name = files_of(key.source)[1]
    else:
        blurry, sharp = None, Photos(folder).load(key.source)
        name = key.source
    recipe = config.recipe
    example_id = f"{without_suffix(name)}-{key.number:02d}"
    rng = example_rng(config.seed, f"{recipe.name}/{split}/{example_id}")
    try:
        pair = recipe.degrade(sharp, rng, Given(blurry=blurry, held_out=split != "train"))
    except UnfitImage as error:
        raise SkippedExample(name, str(error)) from error
    return example_of(example_id, recipe.names, pair)


def _patches(config: PageImagesConfig, split: str) -> int:
    return config.recipe.patches_per_page if split == "train" else 1
