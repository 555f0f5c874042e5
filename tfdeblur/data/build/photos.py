"""The photographs that a builder degrades: the user's own folder, or a prepared TFDS set."""

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tfdeblur.data.build import tfds_images
from tfdeblur.data.build.shards import SkippedExample
from tfdeblur.data.build.sources import Excluded, list_images, load_image, split_images
from tfdeblur.images.files import ImageError


@dataclass(frozen=True)
class Division:
    """The photographs of each split.

    Attributes:
      names: by split, the names that `Photos.load` takes, sorted.
      files: those that are read.
      excluded: unusable files.
      notes: decisions, in words.
    """

    names: dict[str, list[str]]
    files: list[str]
    excluded: list[Excluded]
    notes: list[str]


@dataclass(frozen=True)
class Photos:
    """Photographs by name; the object is small and picklable.

    Attributes:
      folder: the user's own; empty if `source` is given.
      source: a prepared TFDS image set, such as `celeb_a`.
      data_dir: where `source` was prepared; None: TFDS's default.
    """

    folder: str = ""
    source: str = ""
    data_dir: str | None = None

    def divide(
        self, held_out: tuple[int, int], train_limit: int | None, extra: Collection[str] = ()
    ) -> Division:
        """Divide the photographs into train, validation and test. See `sources.split_images`.

        A prepared set keeps its TFDS splits, with at most `held_out` images held out.

        Raises:
          ValueError: there is nothing to divide.
        """
        if self.source:
            return self._divide_prepared(held_out, train_limit)
        images, excluded = list_images(self.folder)
        found = split_images(self.folder, images, held_out, train_limit=train_limit, extra=extra)
        used = {split: [i.path for i in members] for split, members in found.images.items()}
        names = {
            split: [Path(os.path.relpath(path, self.folder)).as_posix() for path in paths]
            for split, paths in used.items()
        }
        files = [path for paths in used.values() for path in paths]
        return Division(names, files, [*excluded, *found.excluded], found.notes)

    def _divide_prepared(self, held_out: tuple[int, int], train_limit: int | None) -> Division:
        counts = tfds_images.count_images(self.source, self.data_dir)
        most = {"train": train_limit, "validation": held_out[0], "test": held_out[1]}
        names = {}
        notes = [f"divided as {self.source} is"]
        for split, limit in most.items():
            known = [
                tfds_images.image_id(self.source, split, n) for n in range(counts.get(split, 0))
            ]
            kept = sorted(sorted(known, key=_hash)[:limit])
            if len(kept) < len(known):
                notes.append(f"{split}: {len(kept):,} of {len(known):,} images by hash")
            if kept:
                names[split] = kept
        return Division(names, [], [], notes)

    def load(self, name: str) -> np.ndarray:
        """Read a photograph: `[H, W, 3]` uint8; do not write to it.

        Raises:
          SkippedExample: it cannot be read.
        """
        return _load(self, name)


def without_suffix(name: str) -> str:
    """Return the name of an image's file without its suffix: the start of an example's id."""
    return Path(name).with_suffix("").as_posix()


@lru_cache(maxsize=4)  # The examples of a photograph are made in sequence.
def _load(photos: Photos, name: str) -> np.ndarray:
    try:
        if photos.source:
            split, number = name.rsplit("/", 2)[1:]
            image = tfds_images.load(photos.source, photos.data_dir, split, int(number))
        else:
            image = load_image(os.path.join(photos.folder, name))
    except ImageError as error:
        reason = str(error).removeprefix(f"{os.path.join(photos.folder, name)}: ")
        raise SkippedExample(name, reason) from error
    image.setflags(write=False)
    return image


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
