"""A user's own images: list a folder, and divide it into train, validation and test.

A folder may hold any PNG and JPEG pictures, in subfolders or not. These layouts are known:

    CelebA          img_align_celeba/000001.jpg ..., list_eval_partition.txt
    CelebAMask-HQ   CelebA-HQ-img/0.jpg ..., CelebAMask-HQ-mask-anno/0/00000_skin.png ...
    FaceScrub       a folder for each person: Aaron_Eckhart/1.jpg ..., also below actors/faces/
    Helen           helen/100032540_1.jpg ..., beside any other layout, as a further test set
    divided         train/, validation/ and test/, or some of them, with any contents
    portraits       anything else

`split_images` says how each is divided.
"""

import hashlib
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.images.files import IMAGE_SUFFIXES, read_image

SPLITS = ("train", "validation", "test")
PARTITION_FILES = (  # below the folder
    "list_eval_partition.txt",
    "Eval/list_eval_partition.txt",
    "list_eval_partition.csv",
)
# Files in data sets that are not pictures: lists, annotations, licences.
SIDE_SUFFIXES = (".txt", ".csv", ".md", ".json", ".pdf")
SIDE_NAMES = ("readme", "license", "licence", "copying", "notice")
SIDE_FOLDERS = ("CelebAMask-HQ-mask-anno",)  # 370,000 masks, not photographs.
# Folders that hold images of anybody; every other folder counts as a person.
CONTAINERS = frozenset(  # in lower case
    [*SPLITS, "helen", "celeba", "img", "img_celeba", "img_align_celeba", "img_align_celeba_png"]
    + ["celebamask-hq", "celeba-hq-img", "celeba-hq", "celeba_hq", "facescrub", "actors"]
    + ["actresses", "faces", "images", "photos", "pictures", "portraits"]
)
PERSONS_MIN = 3  # With fewer persons' folders, splits would have to share persons.
_HELD_OUT_PART = 10  # If images are few, at most a tenth validates and a tenth tests.


@dataclass(frozen=True, order=True)
class SourceImage:
    """One of the user's pictures.

    Attributes:
      id: its path below the folder without the suffix, with "/" between the parts.
      path: of the file.
      identity: images that share it stay in one split: a person, else the image itself.
    """

    id: str
    path: str
    identity: str


class Excluded(NamedTuple):
    """An unused file; `reason` gives rule and fact."""

    file: str
    reason: str


@dataclass(frozen=True)
class SourceSplits:
    """The images of each split.

    Attributes:
      images: by split, sorted by id; no split is empty.
      excluded: files that are unexpectedly in no split.
      notes: decisions, in words, for the user.
    """

    images: dict[str, list[SourceImage]]
    excluded: list[Excluded] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_image(path: str) -> np.ndarray:
    """Read a picture as `[H, W, 3]` uint8. See `tfdeblur.images.files.read_image`."""
    return read_image(path)


def list_images(
    folder: str | Path, exclude: Collection[str] = ()
) -> tuple[list[SourceImage], list[Excluded]]:
    """List the pictures below a folder by name, without opening any.

    Names that start with a dot, `SIDE_FOLDERS`, files with `SIDE_SUFFIXES` and files named as in
    `SIDE_NAMES` are skipped silently. An image's identity is the first folder on its path that is
    not in `CONTAINERS`, if there are at least `PERSONS_MIN` such folders.

    Args:
      folder: searched with its subfolders; links to folders are not followed.
      exclude: subfolders to leave out, as paths below `folder`.

    Returns:
      The images, sorted by id, and every other file, sorted by name; names are paths below
      `folder`.

    Raises:
      ValueError: there is no such folder, or it holds no picture.
      OSError: a folder cannot be searched.
    """
    root = os.fspath(folder)
    if not os.path.isdir(root):
        raise ValueError(f"`{root}` must be a folder of pictures. There is none.")
    left_out = {os.path.normpath(name) for name in exclude}
    found: dict[str, list[str]] = {}
    excluded = []
    for name, entry in _walk(root, "", left_out):
        reason = _reason_against(name, entry)
        if reason:
            excluded.append(Excluded(os.fsencode(name).decode(errors="backslashreplace"), reason))
        else:
            found.setdefault(os.path.splitext(name)[0], []).append(name)
    for image_id in [key for key, names in found.items() if len(names) > 1]:
        names = sorted(found.pop(image_id))
        for name in names:
            others = ", ".join(other for other in names if other != name)
            reason = f"must differ from others by more than its suffix. There is {others} as well."
            excluded.append(Excluded(name, reason))
    if not found:
        fact = f"{len(excluded)} other files, such as {min(excluded).file}" if excluded else "none"
        raise ValueError(f"`{root}` must hold pictures, in sub-folders or not. Got: {fact}.")
    persons = {image_id: _person(image_id) for image_id in found}
    if len(set(filter(None, persons.values()))) < PERSONS_MIN:
        persons = {}
    images = [
        SourceImage(image_id, os.path.join(root, names[0]), persons.get(image_id) or image_id)
        for image_id, names in found.items()
    ]
    return sorted(images), sorted(excluded)


def _walk(folder: str, prefix: str, left_out: set[str]) -> Iterator[tuple[str, os.DirEntry]]:
    """Yield (path below the root, entry) of all but folders and side files, in any order."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith(".") or name in left_out:
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SIDE_FOLDERS:
                    folders.append((entry.path, f"{name}/"))
            elif not _is_side_file(entry.name.lower()):
                yield name, entry
    for path, inner in folders:
        yield from _walk(path, inner, left_out)


def _is_side_file(name: str) -> bool:
    return name.endswith(SIDE_SUFFIXES) or name in SIDE_NAMES


def _reason_against(name: str, entry: os.DirEntry) -> str | None:
    """Return why a file cannot be a source image, or None if it can."""
    if entry.is_dir():
        return "must be a file. It is a link to a folder, which is not followed."
    if not name.lower().endswith(IMAGE_SUFFIXES):
        suffix = os.path.splitext(name)[1] or "none"
        return f"must have one of the suffixes {', '.join(IMAGE_SUFFIXES)}. Got: {suffix}."
    if not entry.is_file():
        return "must be a file. It is a link to nothing, or something else."
    if entry.stat().st_size == 0:
        return "must be a picture. It is empty (0 bytes)."
    try:
        name.encode()
    except UnicodeEncodeError:
        return "must have a name in UTF-8. It is in another encoding."
    return None


def _person(image_id: str) -> str | None:
    """Return the first folder on the path that may be a person's, or None."""
    folders = image_id.split("/")[:-1]
    return next((name for name in folders if name.lower() not in CONTAINERS), None)


def split_images(
    folder: str | Path,
    images: Sequence[SourceImage],
    held_out: tuple[int, int],
    *,
    train_limit: int | None = None,
    extra: Collection[str] = (),
) -> SourceSplits:
    """Divide the images of a folder into train, validation and test, deterministically.

    The first rule that applies:

    1. Images are in train/, validation/ or test/: these are the splits, whole.
    2. One of `PARTITION_FILES`, CelebA's official division, exists: it applies, with the first
       `held_out` validation and test images by hash.
    3. Identities are taken in the order of their hashes: for test until it has `held_out` images,
       then for validation; the others train. If images are few, a tenth each, and at least one, is
       held out. No identity is in two splits.

    Args:
      folder: as in `list_images`.
      images: from `list_images`.
      held_out: how many images to hold out for (validation, test); 0: no such split.
      train_limit: how many images to train on, the first by hash; None: all.
      extra: folders that form test sets of their own, such as "helen": one that has images becomes
        a split of that name, with at most `held_out`'s number of test images, by hash.

    Raises:
      ValueError: a number is out of its range, there are too few images to divide, or the official
        division is damaged or lists other images.
    """
    if min(held_out) < 0:
        raise ValueError(f"`held_out` must not be negative. Got: {held_out}.")
    if train_limit is not None and train_limit < 1:
        raise ValueError(f"`train_limit` must be at least 1. Got: {train_limit}.")
    separate = {name: [i for i in images if i.id.startswith(f"{name}/")] for name in extra}
    apart = {image.id for members in separate.values() for image in members}
    common = [image for image in images if image.id not in apart]
    partition = [path for name in PARTITION_FILES if (path := Path(folder, name)).is_file()]
    if any(_first_folder(image) in SPLITS for image in common):
        found = _split_by_folder(common)
    elif partition:
        found = _split_by_partition(common, partition[0], held_out)
    else:
        found = _split_by_hash(folder, common, held_out)
    for split, members in separate.items():
        found.images[split] = members
        _limit(found, split, held_out[1])
    if train_limit is not None:
        _limit(found, "train", train_limit)
    kept = {split: sorted(members) for split, members in found.images.items() if members}
    return SourceSplits(kept, found.excluded, found.notes)


def _first_folder(image: SourceImage) -> str:
    return image.id.partition("/")[0] if "/" in image.id else ""


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _limit(found: SourceSplits, split: str, count: int) -> None:
    """Keep the first `count` images of a split by the hashes of their ids, and note it."""
    members = found.images.get(split, [])
    if len(members) > count:
        found.images[split] = sorted(members, key=lambda image: _hash(image.id))[:count]
        found.notes.append(f"{split}: the first {count:,} of {len(members):,} images by hash")


def _split_by_folder(images: list[SourceImage]) -> SourceSplits:
    members = {split: [i for i in images if _first_folder(i) == split] for split in SPLITS}
    outside = [image for image in images if _first_folder(image) not in SPLITS]
    reason = "must lie in train/, validation/ or test/, as other images do."
    named = ", ".join(f"{split}/" for split in SPLITS if members[split])
    notes = [f"divided by folders: {named}"]
    people = [{image.identity for image in members[split]} for split in SPLITS]
    shared = sorted(set.union(*(a & b for a, b in itertools.combinations(people, 2))))
    if shared:
        notes.append(
            f"{len(shared)} folders such as {shared[0]} stand in more than one split; if they are "
            "persons, results on known faces will look better than on others"
        )
    return SourceSplits(members, [Excluded(_file(image), reason) for image in outside], notes)


def _split_by_partition(
    images: list[SourceImage], file: Path, held_out: tuple[int, int]
) -> SourceSplits:
    listed = _read_partition(file)
    members: dict[str, list[SourceImage]] = {split: [] for split in SPLITS}
    excluded = []
    for image in images:
        split = listed.get(_stem(image))
        if split is None:
            excluded.append(Excluded(_file(image), f"must be listed in {file.name}. It is not."))
        else:
            members[split].append(image)
    if len(excluded) == len(images):
        raise ValueError(
            f"{file}: must list the pictures of its folder. It lists none of the {len(images):,}; "
            "without this file they are divided by hash."
        )
    missing = sorted(set(listed) - {_stem(image) for image in images})
    if missing:
        reason = (
            f"must list pictures that are there. {len(missing):,} of {len(listed):,} are not, such "
            f"as {missing[0]}."
        )
        excluded.append(Excluded(file.name, reason))
    found = SourceSplits(members, excluded, [f"divided by CelebA's {file.name}"])
    for split, count in zip(SPLITS[1:], held_out, strict=True):
        _limit(found, split, count)
    return found


def _read_partition(file: Path) -> dict[str, str]:
    """Return the split of each picture in CelebA's division, by its name without suffix."""
    listed = {}
    lines = file.read_text(encoding="utf-8").splitlines()
    header = 1 if file.suffix == ".csv" else 0
    for number, line in enumerate(lines[header:], header + 1):
        words = line.replace(",", " ").split()
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise ValueError(
                f"{file}, line {number}: must be a file name and 0, 1 or 2. Got: {line[:80]!r}."
            )
        listed[os.path.splitext(words[0])[0]] = SPLITS[int(words[1])]
    return listed


def _split_by_hash(
    folder: str | Path, images: list[SourceImage], held_out: tuple[int, int]
) -> SourceSplits:
    groups: dict[str, list[SourceImage]] = {}
    for image in images:
        groups.setdefault(image.identity, []).append(image)
    few = max(1, len(images) // _HELD_OUT_PART)
    wanted = {"test": min(few, held_out[1]), "validation": min(few, held_out[0])}
    needed = 1 + sum(count > 0 for count in wanted.values())
    if len(groups) < needed:
        raise ValueError(
            f"`{folder}` must hold at least {needed} pictures to be divided, or be divided into "
            f"train/, validation/ and test/. Got: {len(images)}."
        )
    order = sorted(groups, key=_hash, reverse=True)
    members: dict[str, list[SourceImage]] = {split: [] for split in SPLITS}
    for split, count in wanted.items():
        needed -= count > 0
        while len(members[split]) < count and len(order) > needed:
            members[split] += groups[order.pop()]
    members["train"] = [image for identity in order for image in groups[identity]]
    by = "file names" if len(groups) == len(images) else f"persons ({len(groups):,} folders)"
    counts = ", ".join(f"{len(members[split]):,} {split}" for split in SPLITS if members[split])
    return SourceSplits(members, [], [f"divided by hash of {by}: {counts}"])


def _file(image: SourceImage) -> str:
    return image.id + os.path.splitext(image.path)[1]


def _stem(image: SourceImage) -> str:
    return image.id.rpartition("/")[2]
