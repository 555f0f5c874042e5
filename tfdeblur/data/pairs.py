"""Pairs of degraded and sharp images to evaluate on, from a folder or prepared data.

A folder needs no TensorFlow; TensorFlow Datasets reads prepared data without its builder's code.
Nothing is dropped silently: any file in a folder that is not half of a pair is an error.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.data.blur_on_reading import BlurOnReading, load_blur
from tfdeblur.extras import install_command
from tfdeblur.images.files import IMAGE_SUFFIXES, read_image

LAYOUTS = (("lr", "hr"), ("blurry", "sharp"))  # (degraded, target)


class PairError(ValueError):
    """A pair cannot be evaluated; the message names its files."""


class ImagePair(NamedTuple):
    """A pair in memory: `degraded` is `[H, W, C] uint8`, `target` `[sH, sW, C] uint8`."""

    id: str
    degraded: np.ndarray
    target: np.ndarray

    def as_rgb(self) -> "ImagePair":
        """Return the pair with three channels; a grey pair's are equal."""
        degraded, target = (
            np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
            for image in (self.degraded, self.target)
        )
        return ImagePair(self.id, degraded, target)


@dataclasses.dataclass(frozen=True)
class PairLayout:
    """The features of prepared data that make a pair.

    Attributes:
      degraded: feature of the degraded image; None: it is made from the target on reading.
      target: feature of the truth.
      scale: ratio of target to degraded sides; None: given by the images' sizes.
      extras: sides of further images relative to the degraded image's, by feature.
    """

    degraded: str | None
    target: str
    scale: int | None = None
    extras: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class PairFile:
    """A pair on disk; `id` is the name that both files share below their folders."""

    id: str
    degraded: Path
    target: Path

    def load(self) -> ImagePair:
        """Read both images.

        Raises:
          tfdeblur.images.files.ImageError: one of them cannot be read.
        """
        return ImagePair(self.id, read_image(self.degraded), read_image(self.target))


def open_pairs(
    data: str | Path,
    data_dir: str | Path | None = None,
    split: str = "test",
    limit: int | None = None,
) -> "list[PairFile] | PreparedPairs | list[ImagePair]":
    """Open `data` as a folder of pairs if it is a folder, else as the name of prepared data.

    Args:
      data: a folder, or a name as in `read_prepared`.
      data_dir: as in `read_prepared`.
      split: as in `read_prepared`.
      limit: how many pairs to take, from the first; None: all.

    Raises:
      PairError: see `read_pair_folder` and `read_prepared`.
    """
    if Path(data).is_dir():
        return read_pair_folder(data)[:limit]
    prepared = read_prepared(str(data), data_dir, split)
    return prepared if limit is None else list(itertools.islice(prepared, limit))


def check_scale(pair: ImagePair, scale: int) -> None:
    """Raise `PairError` unless the target is exactly `scale` times the degraded image."""
    height, width = pair.degraded.shape[:2]
    if pair.target.shape[:2] != (scale * height, scale * width):
        got = "x".join(map(str, pair.target.shape[:2]))
        raise PairError(
            f"pair {pair.id!r}: at scale {scale} the target of a {height}x{width} image must be "
            f"{scale * height}x{scale * width} px (height x width). Got: {got}."
        )


def read_pair_folder(directory: str | Path) -> list[PairFile]:
    """List the pairs of a folder with `lr/` and `hr/`, or `blurry/` and `sharp/`.

    Two files belong together if their paths below those folders differ at most in the suffix.
    Subfolders are searched; files whose names start with a dot are ignored.

    Args:
      directory: the folder that holds these two folders.

    Returns:
      The pairs, sorted by id, with the images not read yet.

    Raises:
      PairError: the folder does not have exactly one of the two layouts, a file has no partner or
        an unsupported suffix, two files share a name, or there is no pair. The message lists all
        such files.
    """
    directory = Path(directory)
    sides = [directory / name for name in find_layout(directory)]
    (degraded, strays), (target, more) = (index_images(side) for side in sides)
    problems = [f"{path}: {reason}" for path, reason in strays + more]
    for own, other, missing_in in ((degraded, target, sides[1]), (target, degraded, sides[0])):
        problems += [f"{own[key]}: no partner in {missing_in}" for key in own if key not in other]
    if problems:
        raise PairError(
            f"`{directory}` has {len(problems)} file(s) that are no half of a pair:\n  "
            + "\n  ".join(problems)
        )
    if not degraded:
        raise PairError(f"`{directory}` has no images in {sides[0].name}/ and {sides[1].name}/.")
    return [PairFile(key, degraded[key], target[key]) for key in sorted(degraded)]


def find_layout(directory: Path) -> tuple[str, str]:
    """Return the names of a folder's two folders of pairs, one of `LAYOUTS`.

    Raises:
      PairError: the folder does not have exactly one of the layouts.
    """
    if not directory.is_dir():
        raise PairError(f"`{directory}` is not a folder.")
    found = [names for names in LAYOUTS if any((directory / name).is_dir() for name in names)]
    if len(found) != 1:
        got = sorted(path.name for path in directory.iterdir()) or "an empty folder"
        raise PairError(
            f"`{directory}` must hold either lr/ and hr/ or blurry/ and sharp/. Got: {got}."
        )
    degraded, target = found[0]
    for name in (degraded, target):
        if not (directory / name).is_dir():
            raise PairError(f"`{directory}` must hold {degraded}/ and {target}/. No {name}/.")
    return degraded, target


def index_images(folder: Path) -> tuple[dict[str, Path], list[tuple[Path, str]]]:
    """Return id -> file, and (file, reason) for each file that cannot be half of a pair."""
    found: dict[str, Path] = {}
    strays: list[tuple[Path, str]] = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith("."):
            continue
        key = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            strays.append((path, f"suffix is none of {', '.join(IMAGE_SUFFIXES)}"))
        elif key in found:
            strays.append((path, f"same name as {found[key]}"))
        else:
            found[key] = path
    return found, strays


class PreparedPairs:
    """Pairs of prepared TFDS data, in file order; may be iterated repeatedly.

    A degraded image made on reading is a function of (the data's seed, split, id).

    Attributes:
      name: of the prepared data.
      split: the one read.
      info: TFDS's description of the data.
      layout: the features that make a pair.
      blur: makes the degraded image from the target; None if it is a feature.
    """

    def __init__(self, builder, name: str, split: str):
        self.name = name
        self.split = split
        self.info = builder.info
        self.layout = _find_features(name, builder.info)
        self.blur = None if self.layout.degraded else _load_blur(name, builder.info)
        self._builder = builder

    def __len__(self) -> int:
        return self.info.splits[self.split].num_examples

    def __iter__(self) -> Iterator[ImagePair]:
        return (pair for pair, _ in self.with_extras())

    def with_extras(self) -> Iterator[tuple[ImagePair, dict[str, np.ndarray]]]:
        """Yield each pair with its extra images by feature name."""
        import tensorflow_datasets as tfds

        in_file_order = tfds.ReadConfig(interleave_cycle_length=1)
        dataset = self._builder.as_dataset(
            split=self.split, shuffle_files=False, read_config=in_file_order
        )
        for example in dataset.as_numpy_iterator():
            name = example["id"]
            name = name.decode() if isinstance(name, bytes) else str(name)
            target = example[self.layout.target]
            extras = {feature: example[feature] for feature in self.layout.extras}
            if self.blur is None:
                yield ImagePair(name, example[self.layout.degraded], target), extras
                continue
            split = self.split.partition("[")[0]
            pair = self.blur.pair(target, self.info.metadata["seed"], f"{split}/{name}")
            yield ImagePair(name, pair.degraded, pair.target), extras


def read_prepared(
    name: str, data_dir: str | Path | None = None, split: str = "test"
) -> PreparedPairs:
    """Open prepared data as pairs.

    Args:
      name: TFDS name with its config, such as `blurred_text/pages`.
      data_dir: where it was prepared; None: TFDS's default.
      split: a TFDS split or a slice such as `test[:64]`.

    Returns:
      One `ImagePair` per example, from the feature `id` and those that the metadata names; without
      such metadata, from `lr` and `hr`, or `blurry` and `sharp`.

    Raises:
      PairError: TensorFlow Datasets is not installed, nothing is prepared under that name, the
        split is unknown, or the features are others. For data blurred on reading, also: the bank of
        kernels is missing or damaged, or the recipe belongs to another release.
    """
    _, builder = _open_builder(name, data_dir)
    pairs = PreparedPairs(builder, name, split)
    splits = builder.info.splits
    try:
        count = len(pairs)
    except (KeyError, ValueError) as error:
        raise PairError(
            f"`{name}` has the splits {', '.join(sorted(splits))}. Got: {split!r}."
        ) from error
    if count == 0:
        raise PairError(f"`{name}` has no example in split {split!r}.")
    if pairs.blur is not None and ("+" in split or split.partition("[")[0] not in splits):
        raise PairError(
            f"`{name}` is blurred when it is read, which needs one split or a slice of it. "
            f"Got: {split!r}."
        )
    return pairs


def prepared_splits(name: str, data_dir: str | Path | None = None) -> list[str]:
    """Return the non-empty splits of prepared data, sorted.

    Raises:
      PairError: TensorFlow Datasets is not installed, or nothing is prepared under that name.
    """
    _, builder = _open_builder(name, data_dir)
    splits = builder.info.splits
    return sorted(split for split in splits if splits[split].num_examples)


def _open_builder(name: str, data_dir: str | Path | None):
    """Return the module tensorflow_datasets and the builder of the prepared data."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise PairError(
            "prepared data, unlike a folder with lr/ and hr/, needs the extra `train`: "
            f"{install_command('train')}"
        ) from error
    try:
        builder = tfds.builder(name, data_dir=None if data_dir is None else str(data_dir))
    except (tfds.core.DatasetNotFoundError, ValueError) as error:  # ValueError: not a valid name
        raise PairError(_not_prepared(name, data_dir)) from error
    if not builder.is_prepared():
        raise PairError(_not_prepared(name, data_dir))
    return tfds, builder


def _not_prepared(name: str, data_dir: str | Path | None) -> str:
    place = "the default data_dir of TFDS" if data_dir is None else f"`{data_dir}`"
    return f"`{name}` is neither a folder nor prepared in {place}; see `tfdeblur data --help`."


def _find_features(name: str, info) -> PairLayout:
    features, described = set(info.features), (info.metadata or {}).get("pair")
    if described is None:
        for names in LAYOUTS:
            if {"id", *names} <= features:
                return PairLayout(*names)
        raise PairError(
            f"`{name}` must have the features id, lr, hr or id, blurry, sharp. "
            f"Got: {sorted(features)}."
        )
    try:
        layout = PairLayout(**described)
        named = {"id", layout.target, *filter(None, [layout.degraded]), *layout.extras}
    except TypeError as error:
        raise PairError(
            f"`{name}`: `pair` in metadata.json must name degraded, target, scale and extras. "
            f"Got: {described}."
        ) from error
    if not named <= features:
        raise PairError(
            f"`{name}` must have the features {', '.join(sorted(named))} that its metadata.json "
            f"names. Got: {sorted(features)}."
        )
    return layout


def _load_blur(name: str, info) -> BlurOnReading:
    try:
        return load_blur(info.data_dir, info.metadata)
    except (ValueError, OSError) as error:
        raise PairError(f"`{name}` is blurred when it is read: {error}") from error
