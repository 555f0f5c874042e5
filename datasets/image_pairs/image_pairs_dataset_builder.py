"""Prepare `image_pairs`: a user's own degraded and sharp images, whole or cut into patches.

An example is a pure function of (configuration, pair of files, position); nothing is random.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfdeblur.data.build.builder import PairBuilder, PairConfig
from tfdeblur.data.build.features import features_of
from tfdeblur.data.build.pair_sources import divide_pairs, files_of, read_pair, wrong_scale
from tfdeblur.data.build.photos import without_suffix
from tfdeblur.data.build.shards import Key, Plan
from tfdeblur.data.build.sources import Excluded
from tfdeblur.data.pairs import PairLayout
from tfdeblur.degradations.recipes import pair_names, patch_positions
from tfdeblur.images.files import ImageError, image_size

SCALES = (1, 2, 3, 4, 8)
PATCH_SIZE, PATCH_STRIDE = 240, 192  # Pixels of the target; multiples of every scale.


@dataclasses.dataclass(kw_only=True, eq=False)
class ImagePairsConfig(PairConfig):
    """A configuration; see `PairConfig`. `count` is the number of training images.

    Attributes:
      scale: ratio of target to degraded sides.
      patch_size: side of the target's patches in pixels; 0 keeps images whole.
      held_out: numbers of validation and test images, unless the folder is divided.
    """

    scale: int
    patch_size: int = 0
    held_out: tuple[int, int] = (100, 100)

    @property
    def names(self) -> tuple[str, str]:
        """The feature names of the degraded image and its target."""
        return pair_names(self.scale)


def _configs(scale: int) -> list[ImagePairsConfig]:
    names = "lr/ and hr/" if scale > 1 else "blurry/ and sharp/"
    ratio = f"{scale} times as large" if scale > 1 else "of the same size"
    return [
        ImagePairsConfig(
            name=f"x{scale}",
            description=f"Your own pairs in {names}, the target {ratio}; whole.",
            scale=scale,
            examples_per_shard=50,
        ),
        ImagePairsConfig(
            name=f"x{scale}_patches",
            description=f"The same, cut into {PATCH_SIZE}x{PATCH_SIZE} px.",
            scale=scale,
            patch_size=PATCH_SIZE,
            examples_per_shard=500,
        ),
    ]


class Builder(PairBuilder):
    """A user's own degraded and sharp images."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [config for scale in SCALES for config in _configs(scale)]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "a folder with lr/ and hr/, or blurry/ and sharp/ for images of the same size, whose files "
        "have the same names; or such folders in train/, validation/ and test/."
    )

    builder_config: ImagePairsConfig

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        side = config.patch_size or config.scale
        target = np.zeros((side, side, 3), np.uint8)
        example = _cut(config, "", target[:: config.scale, :: config.scale], target, 0)
        layout = PairLayout(*config.names, config.scale)
        return self._describe(features_of(example, any_size=not config.patch_size), layout)

    def plan(self, manual_dir: Path | None) -> Plan:
        """List the pairs and the patches of each; reads only the images' sizes."""
        assert manual_dir is not None  # `prepare` has checked it.
        config = self.builder_config
        found = divide_pairs(manual_dir, config.names, config.held_out, config.count)
        excluded = list(found.excluded)
        keys = {
            split: [group for pair in pairs if (group := _keys(config, manual_dir, pair, excluded))]
            for split, pairs in found.names.items()
        }
        make = functools.partial(make_example, config, str(manual_dir))
        return Plan(keys, make, found.files, excluded, found.notes)


def _keys(config: ImagePairsConfig, folder: Path, pair: str, excluded: list[Excluded]) -> list[Key]:
    """Return the keys of a pair, from the sizes in its files' headers."""
    try:
        size, target_size = (image_size(folder / name) for name in files_of(pair))
    except ImageError:
        return [Key(pair, 0)]  # Making the example will report the error.
    name = files_of(pair)[0]
    if target_size != (config.scale * size[0], config.scale * size[1]):
        excluded.append(Excluded(name, wrong_scale(size, target_size, config.scale)))
        return []
    if not config.patch_size:
        return [Key(pair, 0)]
    places = patch_positions(target_size[1], target_size[0], config.patch_size, PATCH_STRIDE)
    if not places:
        rule = f"its target must be at least {config.patch_size}x{config.patch_size} px"
        excluded.append(Excluded(name, f"{rule}. Got: {target_size[0]}x{target_size[1]}."))
    return [Key(pair, number) for number in range(len(places))]


def make_example(config: ImagePairsConfig, folder: str, split: str, key: Key) -> dict[str, Any]:
    """Make one example.

    Args:
      config: the configuration to prepare.
      folder: the user's folder.
      split: the example's split; unused.
      key: the pair, and the number of its patch.

    Raises:
      SkippedExample: a file cannot be read, or the pair has a different scale.
    """
    del split
    degraded, target = read_pair(folder, key.source, config.scale)
    return _cut(config, without_suffix(files_of(key.source)[0]), degraded, target, key.number)


def _cut(
    config: ImagePairsConfig, name: str, degraded: np.ndarray, target: np.ndarray, number: int
) -> dict[str, Any]:
    """Return a pair's patch as an example, or the whole pair if it is not cut."""
    names = config.names
    if not config.patch_size:
        return {"id": name, names[0]: degraded, names[1]: target}
    side, scale = config.patch_size, config.scale
    height, width = target.shape[:2]
    top, left = patch_positions(height, width, side, PATCH_STRIDE)[number]
    small = np.s_[top // scale : (top + side) // scale, left // scale : (left + side) // scale]
    return {
        "id": f"{name}-{top:05d}-{left:05d}",
        names[0]: degraded[small],
        names[1]: target[top : top + side, left : left + side],
        "top": top,
        "left": left,
    }
