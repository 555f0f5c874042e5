"""The doctor's report as one self-contained page with pictures of the pairs."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfdeblur.data.check.examined import Candidate, Source
from tfdeblur.data.check.findings import Report
from tfdeblur.data.pairs import PairError
from tfdeblur.images.files import ImageError, write_text
from tfdeblur.reporting import html
from tfdeblur.reporting.sheets import Picture, contact_sheet

PICTURES_MAX = 24  # pairs shown with a finding
OTHERS_MAX = 6  # pairs shown without one
_LARGEST = 320  # px of a picture


def write_page(path: str | Path, source: Source, report: Report) -> None:
    """Write `report` as HTML; the pairs it shows are read from `source` again.

    Raises:
      OSError: the file cannot be written.
    """
    found = [(finding.severity, finding.kind) for finding in report.findings]
    parts = [html.heading("Counts"), html.table(["", ""], report.counts.items())]
    parts.append(html.heading(f"{len(found)} findings"))
    if found:
        parts.append(html.table(["severity", "kind", "findings"], report.summary()))
        rows = [
            [each.severity, each.kind, each.shown_files(), each.rule, each.got]
            for each in report.findings
        ]
        parts.append(html.table(["severity", "kind", "files", "rule", "received"], rows))
    kinds: dict[str, list[str]] = {}
    for finding in report.findings:
        for name in finding.files:
            kinds.setdefault(name, []).append(finding.kind)
    for title, named, most in (
        ("Pairs with findings", True, PICTURES_MAX),
        ("Other pairs", False, OTHERS_MAX),
    ):
        rows_of_pictures = list(_pictures(source, kinds, named, most))
        if rows_of_pictures:
            parts.append(html.heading(title))
            caption = f"{title}, the first {len(rows_of_pictures)}: degraded, target"
            parts.append(html.picture(contact_sheet(rows_of_pictures, largest=_LARGEST), caption))
    write_text(path, html.build_page(f"Data check: {report.source}", parts))


def _pictures(
    source: Source, kinds: dict[str, list[str]], named: bool, most: int
) -> Iterator[list[Picture]]:
    """Yield (degraded, target) of the first pairs with or without a finding."""
    for split in source.splits:
        for candidate in _readable(source, split):
            found = [kind for name in candidate.names for kind in kinds.get(name, [])]
            if bool(found) != named:
                continue
            if most == 0:
                return
            most -= 1
            degraded, target = (
                _picture(name, read)
                for name, read in zip(candidate.names, candidate.read, strict=True)
            )
            factor = max(1, target.image.shape[0] // degraded.image.shape[0])
            enlarged = degraded.image.repeat(factor, axis=0).repeat(factor, axis=1)
            label = ", ".join(dict.fromkeys(found))
            yield [Picture(enlarged, f"{degraded.caption}\n{label}"), target]


def _readable(source: Source, split: str) -> Iterator[Candidate]:
    """Yield the pairs up to a damaged record, which is a finding of its own."""
    with contextlib.suppress(PairError):
        yield from source.candidates(split)


def _picture(name: str, read: Callable[[], np.ndarray]) -> Picture:
    try:
        return Picture(read(), name)
    except ImageError:
        blank = np.full((_LARGEST // 2, _LARGEST // 2, 3), 255, np.uint8)
        return Picture(blank, f"{name}: unreadable")
