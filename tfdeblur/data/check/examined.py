"""The pairs that the doctor examines, split by split, from a folder or prepared data."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from tfdeblur.data.pairs import (
    LAYOUTS,
    PairError,
    find_layout,
    index_images,
    prepared_splits,
    read_prepared,
)
from tfdeblur.images.files import read_image


class Candidate(NamedTuple):
    """A pair not read yet.

    Attributes:
      split: its split; "" for a folder without splits.
      names: of the degraded image and its target in findings.
      read: functions that read the two as `[H, W, 3] uint8`; each may raise `ImageError`.
      paths: the two files; empty for prepared data.
    """

    split: str
    names: tuple[str, str]
    read: tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]
    paths: tuple[Path, ...] = ()


class Stray(NamedTuple):
    """A file that is not half of a pair: its path, its side (0 degraded, 1 target) and why.

    `reason` is empty if only the partner is missing.
    """

    path: Path
    split: str
    side: int
    reason: str


class Source(Protocol):
    """A source of pairs.

    Attributes:
      label: the folder, or the name of the prepared data.
      splits: the splits to examine.
      strays: files that are not half of a pair.
      ignored: folders and files not examined, with the reason.
    """

    label: str
    splits: list[str]
    strays: list[Stray]
    ignored: list[tuple[str, str]]

    def count(self, split: str) -> int:
        """Return the number of pairs in a split."""

    def candidates(self, split: str) -> Iterator[Candidate]:
        """Yield a split's pairs, in the same order each time.

        Raises:
          PairError: the remaining pairs cannot be read.
        """

    def name(self, path: Path) -> str:
        """Return a file's name in findings."""


class FolderSource:
    """A folder with `lr/` and `hr/` or `blurry/` and `sharp/`, or whose subfolders have them.

    Raises:
      PairError: it lacks these folders or the requested splits.
    """

    def __init__(self, directory: str | Path, splits: Sequence[str] = ()):
        self.label = str(directory)
        self._root = Path(directory)
        self.strays: list[Stray] = []
        self.ignored: list[tuple[str, str]] = []
        self._pairs: dict[str, list[tuple[Path, Path]]] = {}
        folders = self._find_folders(splits)
        self.splits = list(folders)
        for split, folder in folders.items():
            self._index(split, folder)

    def _find_folders(self, wanted: Sequence[str]) -> dict[str, Path]:
        if not self._root.is_dir():
            raise PairError(f"`{self._root}` is not a folder.")
        inside = sorted(p for p in self._root.iterdir() if not p.name.startswith("."))
        halves = {name for layout in LAYOUTS for name in layout}
        flat = any(path.is_dir() and path.name in halves for path in inside)
        folders = {} if flat else {path.name: path for path in inside if _has_halves(path, halves)}
        if not folders:
            find_layout(self._root)
            folders = {"": self._root}
        unknown = sorted(set(wanted) - set(folders))
        if unknown:
            known = ", ".join(folders) if "" not in folders else "none"
            raise PairError(f"`{self._root}` has the splits: {known}. Got: {', '.join(unknown)}.")
        used = halves if "" in folders else set(folders)
        for path in inside:
            if path.name not in used or (path.is_file() and path.name in halves):
                self.ignored.append((path.name, "lies beside the folders of pairs"))
        if wanted:
            left_out = [name for name in folders if name not in wanted]
            self.ignored += [(name, "is a split that was not asked for") for name in left_out]
            folders = {name: folders[name] for name in folders if name in wanted}
        return folders

    def _index(self, split: str, folder: Path) -> None:
        sides = [folder / name for name in find_layout(folder)]
        found = [index_images(side) for side in sides]
        for side, (own, wrong) in enumerate(found):
            other = found[1 - side][0]
            self.strays += [Stray(path, split, side, reason) for path, reason in wrong]
            self.strays += [Stray(own[key], split, side, "") for key in own if key not in other]
        degraded, target = found[0][0], found[1][0]
        both = sorted(degraded.keys() & target.keys())
        self._pairs[split] = [(degraded[key], target[key]) for key in both]

    def count(self, split: str) -> int:
        """See `Source`."""
        return len(self._pairs[split])

    def candidates(self, split: str) -> Iterator[Candidate]:
        """See `Source`."""
        for degraded, target in self._pairs[split]:
            names = self.name(degraded), self.name(target)
            read = partial(read_image, degraded), partial(read_image, target)
            yield Candidate(split, names, read, (degraded, target))

    def name(self, path: Path) -> str:
        """See `Source`."""
        return path.relative_to(self._root).as_posix()


def _has_halves(path: Path, halves: set[str]) -> bool:
    return path.is_dir() and any((path / name).is_dir() for name in halves)


class PreparedSource:
    """Prepared data; by default all its splits.

    Raises:
      PairError: see `pairs.read_prepared`.
    """

    def __init__(self, name: str, data_dir: str | Path | None = None, splits: Sequence[str] = ()):
        self.label = name
        self.strays: list[Stray] = []
        self.ignored: list[tuple[str, str]] = []
        self.splits = list(splits) or prepared_splits(name, data_dir)
        if not self.splits:
            raise PairError(f"`{name}` has no examples.")
        self._prepared = {split: read_prepared(name, data_dir, split) for split in self.splits}

    def count(self, split: str) -> int:
        """See `Source`."""
        return len(self._prepared[split])

    def candidates(self, split: str) -> Iterator[Candidate]:
        """See `Source`."""
        import tensorflow as tf

        examples = iter(self._prepared[split])
        while True:
            try:
                pair = next(examples)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                raise PairError(f"the records cannot be read: {error.message}") from error
            names = f"{split}:{pair.id} (degraded)", f"{split}:{pair.id} (target)"
            rgb = pair.as_rgb()
            yield Candidate(
                split, names, (partial(_same, rgb.degraded), partial(_same, rgb.target))
            )

    def name(self, path: Path) -> str:
        """See `Source`."""
        return path.name


def _same(image: np.ndarray) -> np.ndarray:
    return image


def open_source(
    data: str | Path, data_dir: str | Path | None = None, splits: Sequence[str] = ()
) -> Source:
    """Open `data` as a folder of pairs if it is a folder, else as the name of prepared data.

    Args:
      data: a folder, or a TFDS name with its config such as `blurred_text/x4`.
      data_dir: where it was prepared; None: TFDS's default.
      splits: subfolders or TFDS splits to examine; empty: all.

    Raises:
      PairError: see `FolderSource` and `PreparedSource`.
    """
    if Path(data).is_dir():
        return FolderSource(data, splits)
    return PreparedSource(str(data), data_dir, splits)
