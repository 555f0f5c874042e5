"""Likely partners for files without one and for pairs of two different pictures."""

import difflib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfdeblur.data.check.duplicates import NamedPrints
from tfdeblur.data.check.examined import Source, Stray
from tfdeblur.data.check.findings import Finding
from tfdeblur.data.check.fingerprints import Fingerprint, correlate, fingerprint
from tfdeblur.images.files import ImageError, read_image

CONTENT_MIN = 0.9  # correlation of the thumbnails of a likely partner
NAME_MIN = 0.6  # difflib's ratio of the names of a likely partner
NAMES_COMPARED = 200  # Most files of a side whose names are compared, which is slow.
SWAPPED_MAX = 0.5  # A pair that correlates less is compared with all other targets of its split,
SWAPPED_MIN = 0.95  # one of which must correlate this much.


class _Lone(NamedTuple):
    stray: Stray
    print: Fingerprint | None


def find_partners(source: Source) -> list[Finding]:
    """Report each file that is not half of a pair, with its likely partner.

    The likely partner is an unpaired file of the other side: the one whose thumbnail correlates
    most, by at least `CONTENT_MIN`, else the one with the most similar name.
    """
    findings: list[Finding] = []
    lone: dict[tuple[str, int], list[_Lone]] = defaultdict(list)
    for stray in source.strays:
        name = source.name(stray.path)
        if stray.reason:
            rule = "A file must be one half of one pair."
            findings.append(Finding("error", "no_pair", (name,), rule, stray.reason))
            continue
        try:
            print_ = fingerprint(read_image(stray.path))
        except ImageError as error:
            rule = "A file must be an intact picture."
            got = str(error).rstrip(".")
            findings.append(Finding("error", "unreadable", (name,), rule, got))
            print_ = None
        lone[stray.split, stray.side].append(_Lone(stray, print_))
    for (split, side), files in list(lone.items()):
        others = lone.get((split, 1 - side), [])
        findings += _suggest(source, files, others)
    return findings


def _suggest(source: Source, files: list[_Lone], others: list[_Lone]) -> list[Finding]:
    found = []
    rule = "A file must have a partner of the same name (but for the suffix) in the other folder."
    with_print = [other for other in others if other.print and not other.print.flat]
    names = {source.name(other.stray.path): _key(other.stray.path) for other in others}
    for number, file in enumerate(files):
        likely = _by_content(source, file, with_print)
        if not likely and number < NAMES_COMPARED:
            likely = _by_name(_key(file.stray.path), names)
        if not likely and others and number >= NAMES_COMPARED:
            likely = f"names are compared for the first {NAMES_COMPARED} files only"
        got = f"none; {likely}" if likely else "none, nor a file like it"
        found.append(Finding("error", "no_partner", (source.name(file.stray.path),), rule, got))
    return found


def _key(path: Path) -> str:
    return path.stem.lower()


def _by_content(source: Source, file: _Lone, others: list[_Lone]) -> str:
    if not others or file.print is None or file.print.flat:
        return ""
    alike = correlate(file.print.thumbnail, [o.print.thumbnail for o in others if o.print])
    best = int(alike.argmax())
    if alike[best] < CONTENT_MIN:
        return ""
    name = source.name(others[best].stray.path)
    return f"likely {name} (similar content, correlation {alike[best]:.2f})"


def _by_name(key: str, names: dict[str, str]) -> str:
    close = difflib.get_close_matches(key, list(names.values()), n=1, cutoff=NAME_MIN)
    if not close:
        return ""
    name = next(name for name, other in names.items() if other == close[0])
    return f"likely {name} (similar name)"


def find_swapped(pairs: Sequence[NamedPrints]) -> list[Finding]:
    """Report pairs of two different pictures for which another target of the split fits.

    Args:
      pairs: as in `duplicates.find_duplicates`.
    """
    found = []
    by_split: dict[str, list[int]] = defaultdict(list)
    for index, (split, _, prints) in enumerate(pairs):
        if not prints[1].flat:
            by_split[split].append(index)
    thumbnails = {
        split: [pairs[index][2][1].thumbnail for index in indices]
        for split, indices in by_split.items()
    }
    for split, names, (degraded, target) in pairs:
        own = correlate(degraded.thumbnail, [target.thumbnail])[0]
        if degraded.flat or own >= SWAPPED_MAX or split not in thumbnails:
            continue
        alike = correlate(degraded.thumbnail, thumbnails[split])
        best = int(np.argmax(alike))
        if alike[best] >= SWAPPED_MIN:
            other = pairs[by_split[split][best]][1][1]
            rule = "Both files of a pair must show the same picture."
            got = (
                f"a correlation of {own:.2f}; likely partner: {other} "
                f"(correlation {alike[best]:.2f})"
            )
            found.append(Finding("error", "other_picture", names, rule, got))
    return found
