"""Find what is wrong with a data set of pairs before training on it.

    print(examine("photos", html="report.html").text())

Each pair is read once and examined alone; then the pairs are compared with each other. Folders need
no TensorFlow. Nothing is changed.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.data.check.alignment import CONFIDENCE_MIN, find_shift
from tfdeblur.data.check.duplicates import find_duplicates
from tfdeblur.data.check.examined import Candidate, Source, open_source
from tfdeblur.data.check.file_facts import find_oddities
from tfdeblur.data.check.findings import Finding, Report
from tfdeblur.data.check.fingerprints import Fingerprint, fingerprint
from tfdeblur.data.check.page import write_page
from tfdeblur.data.check.partners import find_partners, find_swapped
from tfdeblur.data.pairs import PairError
from tfdeblur.images.files import ImageError

PATCH_SIZE = 64  # px of the target


class Examined(NamedTuple):
    """What is kept of a pair: names, sizes as (height, width), fingerprints, colour."""

    split: str
    names: tuple[str, str]
    sizes: tuple[tuple[int, int], tuple[int, int]]
    prints: tuple[Fingerprint, Fingerprint]
    grey: tuple[bool, bool]


def check(
    source: Source,
    *,
    scale: int | None = None,
    patch_size: int = PATCH_SIZE,
    limit: int | None = None,
) -> Report:
    """Examine a data set.

    Args:
      source: from `examined.open_source`.
      scale: ratio of the target's sides to the degraded image's; None: the most common ratio.
      patch_size: side in px of the square that training cuts from the target.
      limit: how many pairs of each split to examine, from the first; None: all.

    Raises:
      ValueError: `scale`, `patch_size` or `limit` is below 1.
    """
    for name, value in (("scale", scale), ("patch_size", patch_size), ("limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"`{name}` must be at least 1. Got: {value}.")
    return _Checkup(source, scale, patch_size, limit).run()


def examine(
    data: str | Path,
    data_dir: str | Path | None = None,
    splits: Sequence[str] = (),
    *,
    html: str | Path | None = None,
    scale: int | None = None,
    patch_size: int = PATCH_SIZE,
    limit: int | None = None,
) -> Report:
    """Open a data set, check it, and write the report to `html` if given.

    Args:
      data, data_dir, splits: as in `examined.open_source`.
      html: the page to write; None: no page.
      scale, patch_size, limit: as in `check`.

    Raises:
      ValueError: nothing can be examined; see `examined.open_source` and `check`.
      OSError: the page cannot be written.
    """
    source = open_source(data, data_dir, splits)
    report = check(source, scale=scale, patch_size=patch_size, limit=limit)
    if html is not None:
        write_page(html, source, report)
    return report


class _Checkup:
    """One run of `check`."""

    def __init__(self, source: Source, scale: int | None, patch_size: int, limit: int | None):
        self._source, self._scale = source, scale
        self._patch_size, self._limit = patch_size, limit
        self._findings: list[Finding] = []
        self._seen: list[Examined] = []
        self._tally: Counter[str] = Counter()

    def run(self) -> Report:
        for split in self._source.splits:
            self._check_split(split)
        self._findings += find_partners(self._source)
        self._findings += find_swapped(
            [(pair.split, pair.names, pair.prints) for pair in self._seen]
        )
        self._check_scales()
        self._findings += find_duplicates(
            [(pair.split, pair.names, pair.prints) for pair in self._seen]
        )
        self._note_mixtures()
        for name, reason in self._source.ignored:
            self._add("note", "not_examined", (name,), "All else is examined.", reason)
        total = sum(self._source.count(split) for split in self._source.splits)
        counts = {
            "pairs there": total,
            "pairs examined": len(self._seen),
            "pairs left out by the limit": self._tally["limit"],
            "pairs not examined because a file cannot be read": self._tally["unreadable"],
            "pairs whose alignment was found": self._tally["aligned"],
            "pairs whose alignment cannot be measured (small, flat, of another size, or confidence "
            f"below {CONFIDENCE_MIN:g})": len(self._seen) - self._tally["aligned"],
            "files that are no half of a pair": len(self._source.strays),
            "files and folders not looked at": len(self._source.ignored),
        }
        report = Report(self._source.label, self._findings, counts)
        report.sort()
        return report

    def _add(
        self, severity: str, kind: str, files: tuple[str, ...], rule: str, got: object
    ) -> None:
        self._findings.append(Finding(severity, kind, files, rule, str(got)))

    def _check_split(self, split: str) -> None:
        there, passed = self._source.count(split), 0
        if not there:
            files = (split,) if split else ()
            self._add("error", "empty", files, "There must be a pair.", "none")
        candidates = self._source.candidates(split)
        try:
            for candidate in candidates:
                if self._limit is not None and passed == self._limit:
                    self._tally["limit"] += there - passed
                    return
                passed += 1
                self._check_pair(candidate)
        except PairError as error:
            rule = f"All {there} records must be readable; {passed} were examined."
            self._add("error", "unreadable", (split,), rule, error)
            self._tally["unreadable"] += there - passed

    def _check_pair(self, candidate: Candidate) -> None:
        images: list[np.ndarray] = []
        for name, read in zip(candidate.names, candidate.read, strict=True):
            try:
                images.append(read())
            except ImageError as error:
                rule = "A file must be an intact picture."
                self._add("error", "unreadable", (name,), rule, str(error).rstrip("."))
        if len(images) < 2:
            self._tally["unreadable"] += 1
            return
        for name, path in zip(candidate.names, candidate.paths, strict=False):
            for oddity in find_oddities(path):
                self._add(oddity.severity, oddity.kind, (name,), oddity.rule, oddity.got)
        degraded, target = images
        pair = Examined(
            candidate.split,
            candidate.names,
            (_sides(degraded), _sides(target)),
            (fingerprint(degraded), fingerprint(target)),
            (_is_grey(degraded), _is_grey(target)),
        )
        self._seen.append(pair)
        if min(pair.sizes[1]) < self._patch_size:
            rule = f"A target should be at least {self._patch_size} px wide and high."
            self._add("warning", "small", pair.names[1:], rule, _size(pair.sizes[1]))
        if pair.prints[0].digest == pair.prints[1].digest:
            severity = "note" if pair.prints[1].flat else "error"
            rule = "The degraded image must differ from its target."
            got = "the same pixels" + (" (a flat picture)" if pair.prints[1].flat else "")
            self._add(severity, "identical", pair.names, rule, got)
        self._check_alignment(pair, degraded, target)

    def _check_alignment(self, pair: Examined, degraded: np.ndarray, target: np.ndarray) -> None:
        scale = _whole_scale(pair)
        shift = find_shift(degraded, target, scale) if scale else None
        if shift is None:
            return
        self._tally["aligned"] += 1
        if shift.length <= shift.tolerance:
            return
        beyond = shift.length > shift.tolerance + shift.spread
        got = (
            f"{_move(shift.right, 'right', 'left')}, {_move(shift.down, 'down', 'up')} "
            f"(+-{shift.tolerance:.1f}, confidence {shift.confidence:.0f})"
        )
        if not beyond:
            got += (
                f"; a blur kernel that is off centre, spread {shift.spread:.1f} px, does the same"
            )
        rule = "A degraded image's content must lie where its target's does, in px of the target."
        self._add("error" if beyond else "warning", "misaligned", pair.names, rule, got)

    def _check_scales(self) -> None:
        found = Counter(scale for pair in self._seen if (scale := _whole_scale(pair)))
        expected = self._scale
        said = "as asked for"
        if expected is None and found:
            expected, count = min(found.items(), key=lambda item: (-item[1], item[0]))
            said = f"that of {count} of {len(self._seen)} pairs"
        for pair in self._seen:
            if expected is None or _whole_scale(pair) != expected:
                wanted = "a whole number" if expected is None else f"{expected}, {said}"
                (height, width), (tall, wide) = pair.sizes
                down, across = tall / height, wide / width
                is_whole = _whole_scale(pair)
                got = f"{is_whole}" if is_whole else f"{down:.4g} in height, {across:.4g} in width"
                got += f" ({_size(pair.sizes[0])} and {_size(pair.sizes[1])})"
                self._add("error", "scale", pair.names, f"The scale must be {wanted}.", got)

    def _note_mixtures(self) -> None:
        for side, name in enumerate(("degraded images", "targets")):
            sizes = Counter(pair.sizes[side] for pair in self._seen)
            if len(sizes) > 1:
                (size, count), *_ = sizes.most_common(1)
                rule = "Images of several sizes are cropped for training."
                most = f"{count} of {len(self._seen)} are {_size(size)}"
                got = f"{len(sizes)} sizes of {name}; {most}"
                self._add("note", "sizes", (), rule, got)
            grey = sum(pair.grey[side] for pair in self._seen)
            if grey:
                rule = "Grey images are read as RGB."
                got = f"{grey} of {len(self._seen)} {name} are grey"
                self._add("note", "grey", (), rule, got)


def _whole_scale(pair: Examined) -> int:
    """Return the integer ratio of the sides, or 0 if there is none."""
    (height, width), (tall, wide) = pair.sizes
    scale = tall // height
    return scale if (tall, wide) == (scale * height, scale * width) else 0


def _sides(image: np.ndarray) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _is_grey(image: np.ndarray) -> bool:
    return bool(np.array_equal(image[..., 0], image[..., 1])) and bool(
        np.array_equal(image[..., 1], image[..., 2])
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]} px"


def _move(pixels: float, positive: str, negative: str) -> str:
    return f"{abs(pixels):.1f} px {positive if pixels >= 0 else negative}"
