"""Prepare `blurred_text`: pairs of `tfdeblur.degradations.recipes.TextRecipe` as TFRecords.

An example is a pure function of (configuration, split, number); no state, no order, no network.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfdeblur.degradations.page_sources import SPLITS, source_hashes
from tfdeblur.degradations.recipes import TEXT_RECIPE_VERSION, TextRecipe
from tfdeblur.images.resize import RESIZER

_DRAWN = {  # Every parameter that the recipe draws, by the name that it gives to it.
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


@dataclasses.dataclass(kw_only=True, eq=False)
class BlurredTextConfig(tfds.core.BuilderConfig):
    """What is prepared.

    Attributes:
      recipe: of the training pairs. Validation and test pairs each come from a page of their own.
      counts: pairs in train, validation and test.
      seed: of every draw.
      noise_on_held_out: whether validation and test pairs get noise as well; SCGAN's paper names
        none for its test images.
    """

    recipe: TextRecipe
    counts: tuple[int, int, int]
    seed: int = 0
    noise_on_held_out: bool = False


X4 = BlurredTextConfig(
    name="x4",
    description="Patches of 64x64 px and their 16x16 px degraded images.",
    recipe=TextRecipe(),
    counts=(20_000, 500, 500),
)
PAGES = BlurredTextConfig(
    name="pages",
    description="Pages of 300x300 px and their 75x75 px degraded images, for whole-image tests.",
    recipe=TextRecipe(patch_size=300, patches_per_page=1),
    counts=(200, 100, 100),
)


def variant(
    config: BlurredTextConfig, count: int | None = None, seed: int | None = None
) -> BlurredTextConfig:
    """Return `config` with another number of pairs or seed, under a name that says so.

    Args:
      config: one of `Builder.BUILDER_CONFIGS`.
      count: training pairs; validation and test get as many, but not more than `config` has.
      seed: of every draw, at least 0.

    Returns:
      `config` itself if nothing differs, else a configuration named like `x4_count200000_seed7`:
      data prepared with it stands in a folder of its own.

    Raises:
      ValueError: `count` or `seed` is out of its range.
    """
    if count is not None and count < 1:
        raise ValueError(f"`count` must be at least 1. Got: {count}.")
    if seed is not None and seed < 0:
        raise ValueError(f"`seed` must be at least 0. Got: {seed}.")
    name, counts = config.name, config.counts
    if count not in (None, counts[0]):
        counts = (count, min(count, counts[1]), min(count, counts[2]))
        name += f"_count{count}"
    if seed not in (None, config.seed):
        name += f"_seed{seed}"
    if name == config.name:
        return config
    return BlurredTextConfig(
        name=name,
        description=config.description,
        recipe=config.recipe,
        counts=counts,
        seed=config.seed if seed is None else seed,
        noise_on_held_out=config.noise_on_held_out,
    )


class Builder(tfds.core.GeneratorBasedBuilder):
    """Pages of English text, rendered, blurred, noisy and reduced four times."""

    VERSION = tfds.core.Version(TEXT_RECIPE_VERSION)
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [X4, PAGES]
    # README.md, CITATIONS.bib and TAGS.txt stand beside this file. TFDS would look for them through
    # the namespace package above, which fails in an editable install.
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent

    builder_config: BlurredTextConfig

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        side, small = config.recipe.patch_size, config.recipe.patch_size // config.recipe.scale
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "lr": tfds.features.Image(shape=(small, small, 3), encoding_format="png"),
                    "hr": tfds.features.Image(shape=(side, side, 3), encoding_format="png"),
                    **_DRAWN,
                }
            ),
            supervised_keys=("lr", "hr"),
            metadata=tfds.core.MetadataDict(
                recipe=dataclasses.asdict(config.recipe),
                recipe_version=TEXT_RECIPE_VERSION,
                resizer=RESIZER,
                seed=config.seed,
                counts=dict(zip(SPLITS, config.counts, strict=True)),
                noise_on_held_out=config.noise_on_held_out,
                source_sha256=source_hashes(),
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for number in range(self.builder_config.counts[SPLITS.index(split)]):
            example = make_example(self.builder_config, split, number)
            yield example["id"], example


def make_example(config: BlurredTextConfig, split: str, number: int) -> dict[str, Any]:
    """Make example `number` of a split: `id`, `lr`, `hr` and what was drawn.

    Training takes the recipe's pairs in turn, several from a page. A held-out example is the first
    pair of a page of its own, so that scores are of independent pages.
    """
    recipe = config.recipe
    index = number
    if split != "train":
        index *= recipe.patches_per_page
        if not config.noise_on_held_out:
            recipe = dataclasses.replace(recipe, noise_max=0.0)
    pair = recipe.pair(config.seed, index, split)
    return {"id": f"{split}-{index:07d}", "lr": pair.lr, "hr": pair.hr, **pair.drawn}
