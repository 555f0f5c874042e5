"""A user's pairs of degraded and sharp images, for builders: list them and read one.

A pair's name gives its two files below the folder: "lr/a.png|hr/a.png".
"""

import functools
from pathlib import Path

import numpy as np

from tfdeblur.data.build.photos import Division
from tfdeblur.data.build.shards import SkippedExample
from tfdeblur.data.build.sources import SPLITS, Excluded, SourceImage, split_images
from tfdeblur.data.pairs import find_layout, index_images
from tfdeblur.images.files import ImageError, read_image

_BETWEEN = "|"


def divide_pairs(
    folder: Path,
    names: tuple[str, str],
    held_out: tuple[int, int],
    train_limit: int | None,
) -> Division:
    """Divide the pairs of a folder into train, validation and test.

    Args:
      folder: holds two folders of files with the same names, or such folders in train/, validation/
        and test/.
      names: the folders of degraded and of sharp images.
      held_out: as in `sources.split_images`.
      train_limit: as in `sources.split_images`.

    Raises:
      ValueError: the folders are missing or named differently, or there is no pair.
    """
    excluded: list[tuple[str, str]] = []
    pairs: dict[str, tuple[str, str]] = {}
    for part in [split for split in SPLITS if (folder / split).is_dir()] or [""]:
        pairs |= _list(folder, part, names, excluded)
    if not pairs:
        raise ValueError(f"`{folder}` must hold pairs of images in {_shown(names)}. Got: none.")
    images = [SourceImage(name, str(folder / pair[1]), name) for name, pair in pairs.items()]
    found = split_images(folder, images, held_out, train_limit=train_limit)
    divided = {
        split: [_BETWEEN.join(pairs[image.id]) for image in members]
        for split, members in found.images.items()
    }
    files = [str(folder / name) for pair in pairs.values() for name in pair]
    left_out = [*(Excluded(*each) for each in excluded), *found.excluded]
    return Division(divided, files, left_out, found.notes)


def files_of(pair: str) -> tuple[str, str]:
    """Return the names of a pair's degraded and sharp file below the folder."""
    degraded, _, target = pair.partition(_BETWEEN)
    return degraded, target


@functools.lru_cache(maxsize=1)  # The patches of a pair are made in sequence.
def read_pair(folder: str, pair: str, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Read (degraded, target), uint8.

    Raises:
      SkippedExample: a file cannot be read, or the target's sides are not `scale` times as long.
    """
    images = []
    for name in files_of(pair):
        path = Path(folder, name)
        try:
            images.append(read_image(path))
        except ImageError as error:
            raise SkippedExample(name, str(error).removeprefix(f"{path}: ")) from error
    degraded, target = images
    height, width = degraded.shape[:2]
    if target.shape[:2] != (scale * height, scale * width):
        got = (target.shape[1], target.shape[0])
        raise SkippedExample(files_of(pair)[0], wrong_scale((width, height), got, scale))
    return degraded, target


def wrong_scale(size: tuple[int, int], target_size: tuple[int, int], scale: int) -> str:
    """State the required size of a target; sizes are (width, height)."""
    rule = f"its target must be {scale * size[0]}x{scale * size[1]} px at scale {scale}"
    return f"{rule}. Got: {target_size[0]}x{target_size[1]}."


def _list(
    folder: Path, part: str, names: tuple[str, str], excluded: list[tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Return id -> (degraded, target) below the folder; exclude files without a partner."""
    layout = find_layout(folder / part)
    if layout != names:
        raise ValueError(
            f"`{folder / part}` must hold {_shown(names)} for this scale. Got: {_shown(layout)}."
        )
    sides = []
    for name in names:
        images, strays = index_images(folder / part / name)
        sides.append({key: path.relative_to(folder).as_posix() for key, path in images.items()})
        excluded += [(path.relative_to(folder).as_posix(), reason) for path, reason in strays]
    found = {}
    for key in sorted(sides[0].keys() | sides[1].keys()):
        degraded, target = sides[0].get(key), sides[1].get(key)
        if degraded is None or target is None:
            missing = names[0] if degraded is None else names[1]
            rule = f"must have a partner of the same name in {missing}/. There is none."
            excluded.append((str(degraded or target), rule))
        else:
            found[f"{part}/{key}" if part else key] = (degraded, target)
    return found


def _shown(names: tuple[str, str]) -> str:
    return " and ".join(f"{name}/" for name in names)
