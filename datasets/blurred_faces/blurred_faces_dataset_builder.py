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
from etils import epath

from tfdeblur.data.build.builder import PairBuilder, PairConfig
from tfdeblur.data.build.face_masks import MASK_FOLDER, MaskError, face_mask
from tfdeblur.data.build.features import example_of, features_of
from tfdeblur.data.build.photos import Photos
from tfdeblur.data.build.shards import Key, Plan, SkippedExample
from tfdeblur.degradations.kernel_bank import Kernel, draw_bank, draw_kernel, save_bank
from tfdeblur.degradations.recipes import (
    EnhanceUnetRecipe,
    FreshFaceRecipe,
    Pair,
    ScganFaceRecipe,
    TwoBranchRecipe,
    UnfitImage,
    WideRecipe,
    WrfnRecipe,
    example_rng,
)
from tfdeblur.images.resize import RESIZER

BANK_FILE = "kernels.npz"
_READ_SHARP = (WrfnRecipe, WideRecipe, FreshFaceRecipe)  # Degraded when they are read.
HELEN = "helen"  # A folder with this name is a further test set (Qi et al. 2020).


@dataclasses.dataclass(kw_only=True, eq=False)
class BlurredFacesConfig(PairConfig):
    """A configuration; see `PairConfig`. `count` is the number of training photographs.

    Attributes:
      held_out: numbers of validation and test photographs.
      pairs_per_photo: pairs per photograph in train.
      held_out_pairs: pairs per photograph in the other splits.
      kernels: number of kernels in the bank, for blur on reading.
      family: family of these kernels.
    """

    held_out: tuple[int, int]
    pairs_per_photo: int = 1
    held_out_pairs: int = 1
    kernels: int = 0
    family: str = "spline"

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
        family="wide",
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
        family="wide",
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
        "a folder of photographs of faces (PNG or JPEG), such as that of CelebA, CelebAMask-HQ, "
        "FaceScrub or your own; docs/data.md has their layouts."
    )
    # TFDS would look for README.md and others through the namespace package above, which fails in
    # an editable install.
    code_path = epath.Path(__file__)
    pkg_dir_path = code_path.parent

    builder_config: BlurredFacesConfig

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        recipe = config.recipe
        pair: dict[str, Any] = {
            "degraded": recipe.names[0],
            "target": recipe.names[1],
            "scale": recipe.scale,
            "extras": {},
        }
        metadata: dict[str, Any] = {}
        if isinstance(recipe, TwoBranchRecipe):
            pair["extras"] = {"hr_blurry": recipe.scale, "face_mask": recipe.scale}
        if isinstance(recipe, _READ_SHARP):
            pair["degraded"] = None
            pair["target"] = "sharp"
            metadata["blur_on_reading"] = {"bank": BANK_FILE if config.kernels else None}
        return self.dataset_info_from_configs(
            features=features_of(_sample(config)),
            metadata=tfds.core.MetadataDict(
                recipe=dataclasses.asdict(recipe),
                recipe_name=recipe.name,
                recipe_version=recipe.version,
                resizer=RESIZER,
                seed=config.seed,
                pair=pair,
                **metadata,
            ),
        )

    def plan(self, manual_dir: Path | None) -> Plan:
        """List the photographs; the examples of each form one group."""
        config = self.builder_config
        photos = Photos(str(manual_dir or ""), config.source, str(self.data_dir_root))
        extra = (HELEN,) if isinstance(config.recipe, EnhanceUnetRecipe) else ()
        found = photos.divide(config.held_out, config.count, extra)
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
        if isinstance(config.recipe, TwoBranchRecipe):
            masks = "from landmarks" if _mask_folder(photos) is None else f"from {MASK_FOLDER}"
            notes.append(f"masks: {masks}")
        return Plan(keys, make, found.files, found.excluded, notes)

    def _add_files(self, folder: Path) -> None:
        config = self.builder_config
        if config.kernels:
            save_bank(folder / BANK_FILE, draw_bank(config.family, config.kernels, config.seed))


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
    example_id = f"{_photo_id(key.source)}-{key.number % config.pairs(split):02d}"
    try:
        if isinstance(config.recipe, WrfnRecipe | FreshFaceRecipe):
            sharp = config.recipe.make_sharp(photos.load(key.source))
            return {"id": example_id, "sharp": sharp}
        rng = example_rng(config.seed, f"{config.recipe.name}/{split}/{example_id}")
        if isinstance(config.recipe, WideRecipe):
            first = key.number % config.pairs(split) == 0
            sharp = config.recipe.cut(photos.load(key.source), None if first else rng)
            return {"id": example_id, "sharp": sharp}
        pair = _pair(config, photos, counts[split], split, key, rng)
    except (UnfitImage, MaskError) as error:
        raise SkippedExample(key.source, str(error)) from error
    return example_of(example_id, config.recipe.names, pair)


def _pair(config, photos: Photos, count: int, split: str, key: Key, rng) -> Pair:
    """Degrade a photograph as in the configuration's paper."""
    recipe = config.recipe
    if isinstance(recipe, EnhanceUnetRecipe):
        rank, number = divmod(key.number, config.pairs(split))
        choose = recipe.train_kernel if split == "train" else recipe.test_kernel
        kernel = _kernel(config.seed, choose(rank, count, number))
        photo = _fitted(recipe, photos, key.source)
        pair = recipe.degrade(photo, rng, kernel.psf, centred=split != "train")
        return dataclasses.replace(pair, drawn={**pair.drawn, "kernel": kernel.name})
    if isinstance(recipe, TwoBranchRecipe):
        photo = photos.load(key.source)
        found = face_mask(photo, _photo_id(key.source), _mask_folder(photos))
        pair = recipe.degrade(photo, found.mask, rng)
        return dataclasses.replace(pair, drawn={**pair.drawn, "mask_source": found.mask_source})
    # Paper (SCGAN): no noise is mentioned for the test images.
    quiet = recipe if split == "train" else dataclasses.replace(recipe, noise_max=0.0)
    return quiet.degrade(_fitted(recipe, photos, key.source), rng)


@functools.lru_cache(maxsize=2)  # All pairs of a photograph are made in a row.
def _fitted(recipe: EnhanceUnetRecipe | ScganFaceRecipe, photos: Photos, name: str) -> np.ndarray:
    """Shrink a photograph once for all its pairs."""
    fitted = recipe.fit(photos.load(name))
    fitted.setflags(write=False)
    return fitted


@functools.lru_cache(maxsize=1024)  # The 800 of train and 64 others.
def _kernel(seed: int, number: int) -> Kernel:
    return draw_kernel("trajectory", seed, number)


def _photo_id(name: str) -> str:
    """Return a photograph's name without its suffix."""
    return Path(name).with_suffix("").as_posix()


@functools.lru_cache(maxsize=4)
def _mask_folder(photos: Photos) -> str | None:
    """Return the folder of CelebAMask-HQ's masks; None if there are none."""
    folder = Path(photos.folder, MASK_FOLDER)
    return str(folder) if photos.folder and folder.is_dir() else None


def _sample(config: BlurredFacesConfig) -> dict[str, Any]:
    """Make an example of noise, to determine the features."""
    recipe = config.recipe
    photo = np.zeros((512, 512, 3), np.uint8)
    rng = example_rng(0, "sample")
    if isinstance(recipe, WrfnRecipe | FreshFaceRecipe):
        return {"id": "", "sharp": recipe.make_sharp(photo)}
    if isinstance(recipe, WideRecipe):
        return {"id": "", "sharp": recipe.cut(photo, None)}
    if isinstance(recipe, EnhanceUnetRecipe):
        pair = recipe.degrade(photo, rng, np.ones((1, 1), np.float32))
        return {**example_of("", recipe.names, pair), "kernel": ""}
    if isinstance(recipe, TwoBranchRecipe):
        pair = recipe.degrade(photo, np.full(photo.shape[:2], 255, np.uint8), rng)
        return {**example_of("", recipe.names, pair), "mask_source": ""}
    return example_of("", recipe.names, recipe.degrade(photo, rng))
