"""Prepare `blurred_faces`: photographs of faces, degraded as in four of the papers.

An example is a pure function of (configuration, photograph, number), without state, order or
network.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfdeblur.data.build.builder import PairBuilder, PairConfig
from tfdeblur.data.build.face_masks import MASK_FOLDER, MaskError, face_mask
from tfdeblur.data.build.features import example_of, features_of
from tfdeblur.data.build.photos import Photos, without_suffix
from tfdeblur.data.build.shards import Key, Plan, SkippedExample
from tfdeblur.degradations.kernel_bank import Kernel, draw_bank, draw_kernel, save_bank
from tfdeblur.degradations.recipes import (
    EnhanceUnetRecipe,
    FreshFaceRecipe,
    Given,
    Recipe,
    ScganFaceRecipe,
    TwoBranchRecipe,
    UnfitImage,
    WideRecipe,
    WrfnRecipe,
    example_rng,
)

BANK_FILE = "kernels.npz"


@dataclasses.dataclass(kw_only=True, eq=False)
class BlurredFacesConfig(PairConfig):
    """A configuration; see `PairConfig`. `count` is the number of training photographs.

    Attributes:
      held_out: numbers of validation and test photographs.
      pairs_per_photo: pairs per photograph in train.
      held_out_pairs: pairs per photograph in the other splits.
      kernels: number of kernels in the bank, for blur on reading.
      further_tests: names of folders that are test sets of their own.
    """

    held_out: tuple[int, int]
    pairs_per_photo: int = 1
    held_out_pairs: int = 1
    kernels: int = 0
    further_tests: tuple[str, ...] = ()

    def pairs(self, split: str) -> int:
        """Return the number of examples per photograph of a split."""
        return self.pairs_per_photo if split == "train" else self.held_out_pairs


CONFIGS = [
    BlurredFacesConfig(
        name="scgan_face",
        description="64x64 px faces and their 16x16 px degraded images, 6 of each photograph.",
        recipe=ScganFaceRecipe(),
        held_out=(100, 100),
        pairs_per_photo=6,
        examples_per_shard=2000,
    ),
    BlurredFacesConfig(
        name="scgan_face_fresh",
        description="Sharp 160x160 px, of which 64x64 px are varied and degraded when read.",
        recipe=FreshFaceRecipe(),
        held_out=(100, 100),
        examples_per_shard=2000,
    ),
    BlurredFacesConfig(
        name="enhance_unet",
        description="150x150 px, 40 kernels for each of 8,000 photographs; 1,600 pairs to test.",
        recipe=EnhanceUnetRecipe(),
        count=8000,
        held_out=(50, 200),
        pairs_per_photo=40,
        held_out_pairs=8,
        further_tests=("helen",),  # Qi et al. 2020.
        examples_per_shard=640,
    ),
    BlurredFacesConfig(
        name="wrfn",
        description="Sharp grey 320x320 px and 10,000 kernels, for blur when they are read.",
        recipe=WrfnRecipe(),
        held_out=(100, 100),
        kernels=10_000,
        examples_per_shard=500,
    ),
    BlurredFacesConfig(
        name="wide",
        description="Sharp 320x320 px, 6 of each portrait, and 10,000 wide kernels, likewise.",
        recipe=WideRecipe(),
        held_out=(100, 100),
        pairs_per_photo=6,
        kernels=10_000,
        examples_per_shard=500,
    ),
    BlurredFacesConfig(
        name="wide_photos",
        description="The same, 80 of each photograph of anything, which are turned, too.",
        recipe=WideRecipe(turns=True),
        held_out=(100, 100),
        pairs_per_photo=80,
        held_out_pairs=8,
        kernels=10_000,
        examples_per_shard=500,
    ),
    BlurredFacesConfig(
        name="two_branch",
        description="256x256 px, blurry 256x256 px, their 32x32 px images and masks of the faces.",
        recipe=TwoBranchRecipe(),
        held_out=(0, 1200),
        examples_per_shard=250,
    ),
]


class Builder(PairBuilder):
    """Photographs of faces, blurred and shrunk."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "a folder of photographs of faces, such as that of CelebA, CelebAMask-HQ, "
        "FaceScrub or your own; docs/data.md has their layouts."
    )

    builder_config: BlurredFacesConfig

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        metadata: dict[str, Any] = {}
        if config.recipe.on_reading:
            metadata["blur_on_reading"] = {"bank": BANK_FILE if config.kernels else None}
        return self._describe(features_of(_sample(config)), **metadata)

    def plan(self, manual_dir: Path | None) -> Plan:
        """List the photographs; the examples of each form one group."""
        config = self.builder_config
        photos = Photos(str(manual_dir or ""), config.source, str(self.data_dir_root))
        found = photos.divide(config.held_out, config.count, config.further_tests)
        keys = {
            split: [
                [
                    Key(name, rank * config.pairs(split) + number)
                    for number in range(config.pairs(split))
                ]
                for rank, name in enumerate(names)
            ]
            for split, names in found.names.items()
        }
        counts = {split: len(names) for split, names in found.names.items()}
        make = functools.partial(make_example, config, photos, counts)
        notes = [*found.notes]
        if config.recipe.masked:
            masks = "from landmarks" if _mask_folder(photos) is None else f"from {MASK_FOLDER}"
            notes.append(f"masks: {masks}")
        return Plan(keys, make, found.files, found.excluded, notes)

    def _add_files(self, folder: Path) -> None:
        config = self.builder_config
        if config.kernels:
            bank = draw_bank(config.recipe.family, config.kernels, config.seed)
            save_bank(folder / BANK_FILE, bank)


def make_example(
    config: BlurredFacesConfig, photos: Photos, counts: dict[str, int], split: str, key: Key
) -> dict[str, Any]:
    """Make one example: `id`, the images and the drawn parameters.

    Args:
      config: the configuration to prepare.
      photos: the source of the photographs.
      counts: number of photographs of each split.
      split: the example's split.
      key: the photograph's name, and its rank in the split times the examples per photograph, plus
        the example's own number.

    Raises:
      SkippedExample: the photograph cannot be used.
    """
    recipe, number = config.recipe, key.number % config.pairs(split)
    example_id = f"{without_suffix(key.source)}-{number:02d}"
    rng = example_rng(config.seed, f"{recipe.name}/{split}/{example_id}")
    try:
        if recipe.on_reading:  # The first square of a photograph is the central one.
            sharp = recipe.fit(photos.load(key.source), rng if number else None)
            return {"id": example_id, "sharp": sharp}
        given, recorded = _given(config, photos, counts[split], split, key)
        pair = recipe.degrade(_fitted(recipe, photos, key.source), rng, given)
    except (UnfitImage, MaskError) as error:
        raise SkippedExample(key.source, str(error)) from error
    return {**example_of(example_id, recipe.names, pair), **recorded}


def _given(
    config: BlurredFacesConfig, photos: Photos, count: int, split: str, key: Key
) -> tuple[Given, dict[str, str]]:
    """Return what the recipe is given for an example, and what to record of it."""
    recipe, held_out = config.recipe, split != "train"
    if recipe.family:
        rank, number = divmod(key.number, config.pairs(split))
        kernel_number = recipe.kernel_number(rank, count, number, held_out)
        kernel = _kernel(recipe.family, config.seed, kernel_number)
        return Given([kernel.psf], held_out=held_out), {"kernel": kernel.name}
    if recipe.masked:
        photo, name = photos.load(key.source), without_suffix(key.source)
        found = face_mask(photo, name, _mask_folder(photos))
        return Given(mask=found.mask, held_out=held_out), {"mask_source": found.mask_source}
    return Given(held_out=held_out), {}


@functools.lru_cache(maxsize=2)  # All pairs of a photograph are made in a row.
def _fitted(recipe: Recipe, photos: Photos, name: str) -> np.ndarray:
    """Shrink a photograph once for all its pairs."""
    fitted = recipe.fit(photos.load(name))
    fitted.setflags(write=False)
    return fitted


@functools.lru_cache(maxsize=1024)  # The 800 of train and 64 others.
def _kernel(family: str, seed: int, number: int) -> Kernel:
    return draw_kernel(family, seed, number)


@functools.lru_cache(maxsize=4)
def _mask_folder(photos: Photos) -> str | None:
    """Return the folder of CelebAMask-HQ's masks; None if there are none."""
    folder = Path(photos.folder, MASK_FOLDER)
    return str(folder) if photos.folder and folder.is_dir() else None


def _sample(config: BlurredFacesConfig) -> dict[str, Any]:
    """Make an example of a black photograph, to determine the features."""
    recipe = config.recipe
    photo = np.zeros((512, 512, 3), np.uint8)
    if recipe.on_reading:
        return {"id": "", "sharp": recipe.fit(photo)}
    given = Given([np.ones((1, 1), np.float32)], np.ones(photo.shape[:2], bool))
    pair = recipe.degrade(photo, example_rng(0, "sample"), given)
    texts = ["kernel"] * bool(recipe.family) + ["mask_source"] * recipe.masked
    return {**example_of("", recipe.names, pair), **dict.fromkeys(texts, "")}
