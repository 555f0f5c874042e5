"""Prepare `lr_gopro`: GOPRO's frames as the low-resolution, blurry patches of GFN.

An example is a pure function of (configuration, frame, scale, position); nothing is random.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from tfdeblur.data.build.builder import PairBuilder, PairConfig
from tfdeblur.data.build.features import example_of, features_of
from tfdeblur.data.build.pair_sources import files_of, read_pair
from tfdeblur.data.build.photos import without_suffix
from tfdeblur.data.build.shards import Key, Plan, SkippedExample
from tfdeblur.degradations.recipes import GfnRecipe, Given, UnfitImage, example_rng
from tfdeblur.images.files import IMAGE_SUFFIXES

BLUR_FOLDERS = ("blur_gamma", "blur")  # The paper's code uses the first.
_PLACES = 100_000  # A key's number is the scale's index times this, plus the position's.


@dataclasses.dataclass(kw_only=True, eq=False)
class LrGoproConfig(PairConfig):
    """A configuration; see `PairConfig`. `count` is the number of training frames.

    Attributes:
      splits: the folders of GOPRO to read, of `train` and `test`.
      validation_sequences: number of sequences of train/ held out for validation.
      whole: whether to keep whole frames, with sides cropped to multiples of 16 px.
    """

    splits: tuple[str, ...]
    validation_sequences: int = 0
    whole: bool = False


CONFIGS = [
    LrGoproConfig(
        name="paper",
        description="256x256 px patches at three scales, blurry and sharp 64x64 px: all of train.",
        recipe=GfnRecipe(),
        splits=("train",),
        examples_per_shard=416,
    ),
    LrGoproConfig(
        name="patches",
        description="The same, but two sequences of train are held out to validate on.",
        recipe=GfnRecipe(),
        splits=("train",),
        validation_sequences=2,
        examples_per_shard=416,
    ),
    LrGoproConfig(
        name="patches_random",
        description="Like `patches`, at three scales drawn for each frame, as the text has it.",
        recipe=GfnRecipe(scale_law="random"),
        splits=("train",),
        validation_sequences=2,
        examples_per_shard=416,
    ),
    LrGoproConfig(
        name="frames",
        description="The whole frames of test: 1280x720 px, blurry and sharp 320x180 px.",
        recipe=GfnRecipe(),
        splits=("test",),
        whole=True,
        examples_per_shard=20,
    ),
]


class Builder(PairBuilder):
    """GOPRO's blurry and sharp frames, reduced four times."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "1.0.0": "First release.",
        "2.0.0": "Flat patches are found by central differences of each channel.",
    }
    BUILDER_CONFIGS = CONFIGS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "the folder of GOPRO_Large with train/ and test/, each with a folder for each sequence "
        "that holds blur_gamma/ (or blur/) and sharp/."
    )

    builder_config: LrGoproConfig

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        image = np.zeros((config.recipe.patch_size, config.recipe.patch_size, 3), np.uint8)
        return self._describe(features_of(_example(config, "", image, image), config.whole))

    def plan(self, manual_dir: Path | None) -> Plan:
        """List the frames and the patches of each; reads only the frames' sizes."""
        assert manual_dir is not None  # `prepare` has checked it.
        config = self.builder_config
        excluded: list[tuple[str, str]] = []
        notes: list[str] = []
        frames = {split: _frames(manual_dir, split, excluded) for split in config.splits}
        frames = {split: found for split, found in frames.items() if found}
        if config.validation_sequences and "train" in frames:
            frames |= _hold_out(frames["train"], config.validation_sequences)
        if config.count is not None and len(frames.get("train", [])) > config.count:
            notes.append(f"train: {config.count:,} of {len(frames['train']):,} frames by hash")
            frames["train"] = sorted(sorted(frames["train"], key=_hash)[: config.count])
        keys = {
            split: list(_groups(config, manual_dir, found, excluded))
            for split, found in frames.items()
        }
        files = [
            str(manual_dir / name) for found in frames.values() for pair in found for name in pair
        ]
        make = functools.partial(make_example, config, str(manual_dir))
        return Plan(keys, make, files, excluded, notes)


def _frames(folder: Path, split: str, excluded: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """List the (blurry, sharp) paths of each frame of a split, relative to the folder."""
    found = []
    for sequence in sorted(path for path in folder.glob(f"{split}/*") if path.is_dir()):
        blurry = next((sequence / n for n in BLUR_FOLDERS if (sequence / n).is_dir()), None)
        sharp = sequence / "sharp"
        name = sequence.relative_to(folder).as_posix()
        if blurry is None or not sharp.is_dir():
            excluded.append((name, "must hold blur_gamma/ or blur/, and sharp/. One is missing."))
            continue
        pictures = {
            side: {path.stem: path for path in side.iterdir() if path.suffix in IMAGE_SUFFIXES}
            for side in (blurry, sharp)
        }
        for stem in sorted(pictures[blurry].keys() | pictures[sharp].keys()):
            pair = [pictures[side].get(stem) for side in (blurry, sharp)]
            names = [path.relative_to(folder).as_posix() for path in pair if path is not None]
            if None in pair:
                missing = blurry.name if pair[0] is None else sharp.name
                excluded.append((names[0], f"must have a partner in {missing}/. There is none."))
            else:
                found.append((names[0], names[1]))
    return found


def _hold_out(frames: list[tuple[str, str]], sequences: int) -> dict[str, list[tuple[str, str]]]:
    """Move the frames of the first sequences, ordered by hash, from train to validation."""
    names = sorted({pair[0].split("/")[1] for pair in frames}, key=lambda name: _hash((name, "")))
    if len(names) <= sequences:
        raise ValueError(
            f"`train/` must hold more than {sequences} sequences to hold {sequences} out. "
            f"Got: {len(names)}."
        )
    held_out = set(names[:sequences])
    return {
        "train": [pair for pair in frames if pair[0].split("/")[1] not in held_out],
        "validation": [pair for pair in frames if pair[0].split("/")[1] in held_out],
    }


def _hash(pair: tuple[str, str]) -> bytes:
    return hashlib.sha256(pair[0].encode()).digest()


def _groups(
    config: LrGoproConfig,
    folder: Path,
    frames: list[tuple[str, str]],
    excluded: list[tuple[str, str]],
) -> Iterator[list[Key]]:
    """Yield the keys of each frame."""
    recipe = config.recipe
    for blurry, sharp in frames:
        source = f"{blurry}|{sharp}"
        if config.whole:
            yield [Key(source, 0)]
            continue
        try:
            with Image.open(folder / sharp) as image:
                width, height = image.size
        except OSError as error:
            excluded.append((sharp, f"must be a picture: {error}"))
            continue
        keys = []
        for index, scale in enumerate(_scales(config, source)):
            size = recipe.frame_size(height, width, scale)
            keys += [Key(source, index * _PLACES + n) for n in range(len(recipe.positions(*size)))]
        if keys:
            yield keys
        else:
            rule = f"must be at least {recipe.patch_size}x{recipe.patch_size} px"
            excluded.append((sharp, f"{rule}. Got: {width}x{height}."))


def make_example(config: LrGoproConfig, folder: str, split: str, key: Key) -> dict[str, Any] | None:
    """Make one example; None for a patch without detail, which the paper's code drops.

    Args:
      config: the configuration to prepare.
      folder: GOPRO's folder.
      split: the example's split; unused.
      key: the names of the frame's files, and the number of the scale and the position.

    Raises:
      SkippedExample: a frame cannot be read, or its two files differ in size.
    """
    del split
    recipe = config.recipe
    blurry_name = files_of(key.source)[0]
    frame_id = without_suffix(blurry_name)
    try:
        if config.whole:
            frames = read_pair(folder, key.source, 1)
            blurry, sharp = (_multiple_of_16(image) for image in frames)
            return _example(config, frame_id, blurry, sharp)
        index, place = divmod(key.number, _PLACES)
        scale = _scales(config, key.source)[index]
        blurry, sharp = _scaled(recipe, folder, key.source, scale)
        top, left = recipe.positions(*sharp.shape[:2])[place]
        window = np.s_[top : top + recipe.patch_size, left : left + recipe.patch_size]
        if recipe.is_flat(sharp[window]):
            return None
        # Random scales may differ by less than a hundredth.
        label = f"{round(100 * scale):03d}" if recipe.scale_law == "fixed" else f"r{index}"
        example_id = f"{frame_id}-{label}-{top:04d}-{left:04d}"
        return _example(config, example_id, blurry[window], sharp[window], scale, top, left)
    except UnfitImage as error:
        raise SkippedExample(blurry_name, str(error)) from error


def _scales(config: LrGoproConfig, source: str) -> tuple[float, ...]:
    return config.recipe.frame_scales(example_rng(config.seed, f"scales/{source}"))


def _example(
    config: LrGoproConfig,
    example_id: str,
    blurry: np.ndarray,
    sharp: np.ndarray,
    scale: float = 1.0,
    top: int = 0,
    left: int = 0,
) -> dict[str, Any]:
    """Reduce a pair of patches or whole frames; only patches have a scale and a place."""
    pair = config.recipe.degrade(sharp, example_rng(0, ""), Given(blurry=blurry))
    example = example_of(example_id, config.recipe.names, pair)
    place = {"frame_scale": float(scale), "top": top, "left": left}
    return example if config.whole else {**example, **place}


@functools.lru_cache(maxsize=1)  # All patches of a frame are made in a row.
def _scaled(
    recipe: GfnRecipe, folder: str, source: str, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    return recipe.frames(*read_pair(folder, source, 1), scale)


def _multiple_of_16(image: np.ndarray) -> np.ndarray:
    return image[: image.shape[0] // 16 * 16, : image.shape[1] // 16 * 16]
