"""Prepare `blurred_text`: pairs of `tfdeblur.degradations.recipes.TextRecipe` as TFRecords.

An example is a pure function of (configuration, split, number), without state, order or network.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfdeblur.data.build.builder import PairBuilder, PairConfig
from tfdeblur.data.build.shards import Key, Plan
from tfdeblur.degradations.page_sources import SPLITS, source_hashes
from tfdeblur.degradations.pages import COLOUR
from tfdeblur.degradations.recipes import TextRecipe
from tfdeblur_datasets.blurred_text import page_images

_DRAWN = {  # Every parameter that the recipe draws, by the recipe's name for it.
    "font_family": tfds.features.Text(),
    "font_points": np.float32,
    "dpi": np.float32,
    "rotation_degrees": np.float32,
    "line_spacing": np.float32,
    "domain": tfds.features.Text(),
    "paper": np.float32,
    "ink": np.float32,
    "shade": np.float32,
    "disc_radius": np.float32,
    "walk_size": np.float32,
    "noise_std": np.float32,
    "page": np.int64,
    "top": np.int64,
    "left": np.int64,
}
_DRAWN_IN_COLOUR = {
    **{name: kind for name, kind in _DRAWN.items() if name not in ("paper", "ink")},
    "kind": tfds.features.Text(),
    "exposure": np.float32,
    "contrast": np.float32,
    "grey_scan": np.int64,
    "jpeg_quality": np.int64,
}


@dataclasses.dataclass(kw_only=True, eq=False)
class BlurredTextConfig(PairConfig):
    """A configuration; see `PairConfig`.

    Attributes:
      recipe: recipe of the training pairs. Each validation or test pair comes from its own page.
      held_out: numbers of validation and test pairs; at most the number of training pairs.
      noise_on_held_out: whether validation and test pairs get noise too; SCGAN's paper mentions
        none for its test images.
    """

    held_out: tuple[int, int]
    noise_on_held_out: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """The number of pairs of each split."""
        train = self.count or 0
        held_out = (min(train, count) for count in self.held_out)
        return dict(zip(SPLITS, (train, *held_out), strict=True))


X4 = BlurredTextConfig(
    name="x4",
    description="20,000 patches of rendered pages, 64x64 px, and their 16x16 px degraded images.",
    recipe=TextRecipe(),
    count=20_000,
    held_out=(500, 500),
    examples_per_shard=1000,
)
PAGES = BlurredTextConfig(
    name="pages",
    description="200 rendered pages, 300x300 px, and their 75x75 px degraded images, to test on.",
    recipe=TextRecipe(patch_size=300, patches_per_page=1),
    count=200,
    held_out=(100, 100),
    examples_per_shard=50,
)
COLOUR_PAGES = BlurredTextConfig(
    name="colour_pages",
    description="The same of pages in colour, which no paper has.",
    recipe=TextRecipe(patch_size=300, patches_per_page=1, domain=COLOUR),
    count=200,
    held_out=(100, 100),
    examples_per_shard=50,
)


class Builder(PairBuilder):
    """Pages of English text, rendered, blurred, noisy and reduced four times."""

    VERSION = tfds.core.Version(TextRecipe.version)
    RELEASE_NOTES = {
        "1.0.0": "First release.",
        "1.1.0": "Rendered pages get their noise and their reduction as all other images do.",
    }
    BUILDER_CONFIGS = [X4, PAGES, COLOUR_PAGES, *page_images.CONFIGS]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "a folder of pictures of pages; for `page_pairs` with blurry/ and sharp/, "
        "whose files have the same names."
    )

    builder_config: BlurredTextConfig | page_images.PageImagesConfig

    @property
    def needs_manual_dir(self) -> bool:
        """Whether the pages are the user's own rather than rendered."""
        return isinstance(self.builder_config, page_images.PageImagesConfig)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        rendered = isinstance(config, BlurredTextConfig)
        return self._describe(
            _features(config) if rendered else page_images.features(config),
            supervised_keys=config.recipe.names,
            **(_rendered_from(config) if rendered else {}),
        )

    def plan(self, manual_dir: Path | None) -> Plan:
        """List the pairs; the pairs of a page form one group."""
        config = self.builder_config
        if isinstance(config, page_images.PageImagesConfig):
            assert manual_dir is not None  # `prepare` has checked it.
            return page_images.plan(config, manual_dir)
        keys = {
            split: [list(group) for _, group in itertools.groupby(_keys(config, split), _page)]
            for split in SPLITS
        }
        return Plan(keys, functools.partial(_make, config))


def _features(config: BlurredTextConfig) -> tfds.features.FeaturesDict:
    side, small = config.recipe.patch_size, config.recipe.patch_size // config.recipe.scale
    return tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "lr": tfds.features.Image(shape=(small, small, 3), encoding_format="png"),
            "hr": tfds.features.Image(shape=(side, side, 3), encoding_format="png"),
            **(_DRAWN_IN_COLOUR if config.recipe.domain == COLOUR else _DRAWN),
        }
    )


def _rendered_from(config: BlurredTextConfig) -> dict[str, Any]:
    return {
        "counts": config.counts,
        "noise_on_held_out": config.noise_on_held_out,
        "source_sha256": source_hashes(),
    }


def _page(key: Key) -> str:
    return key.source


def _keys(config: BlurredTextConfig, split: str) -> Iterator[Key]:
    per_page = config.recipe.patches_per_page if split == "train" else 1
    for number in range(config.counts[split]):
        yield Key(f"page-{number // per_page:07d}", number)


def _make(config: BlurredTextConfig, split: str, key: Key) -> dict[str, Any]:
    return make_example(config, split, key.number)


def make_example(config: BlurredTextConfig, split: str, number: int) -> dict[str, Any]:
    """Make example `number` of a split: `id`, `lr`, `hr` and the drawn parameters.

    Training takes the recipe's pairs in order, several per page. Each held-out example is the first
    pair of its own page, so that scores come from independent pages.
    """
    recipe = config.recipe
    index = number
    if split != "train":
        index *= recipe.patches_per_page
        if not config.noise_on_held_out:
            recipe = dataclasses.replace(recipe, noise_max=0.0)
    pair = recipe.pair(config.seed, index, split)
    return {"id": f"{split}-{index:07d}", "lr": pair.degraded, "hr": pair.target, **pair.drawn}
