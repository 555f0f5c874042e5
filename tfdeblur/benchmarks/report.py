"""Results of benchmarks, as figures and as text."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rates:
    """Results of several rounds.

    Attributes:
      median, least, most: over the rounds.
    """

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Rates":
        """Summarise at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self) -> str:
        """Return `median (least-most)`, each with at least three digits."""
        digits = max(0, 2 - int(np.floor(np.log10(self.median))))
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}-{self.most:.{digits}f})"


def table(measured: dict[str, Any]) -> str:
    """Format what `measure` returned in aligned lines."""
    facts = measured["machine"]
    versions = ", ".join(f"{key} {facts[key]}" for key in ("python", "numpy", "opencv", "tfdeblur"))
    rows = [["", "ours", "plain", "ours / plain"]]
    for result in measured["recipes"]:
        rates = (Rates(**result[key]).text() for key in ("ours", "peer", "ratio"))
        rows.append([result["name"], *rates])
    stages = list(measured["recipes"][0]["shares"])
    parts = [["", "ms", *stages]]
    for result in measured["recipes"]:
        percent = (f"{100 * result['shares'][stage]:.0f} %" for stage in stages)
        parts.append([result["name"], f"{result['milliseconds']:.2f}", *percent])
    lines = [
        f"{facts['cpu']}, {facts['cores']} cores, load {facts['load']}; {versions}",
        "",
        "Pairs per second and core, one thread: median (least-most)",
        *_aligned(rows),
    ]
    if "rendered" in measured:
        pages, pairs = (Rates(**measured["rendered"][key]).text() for key in ("pages", "pairs"))
        lines += ["", f"Rendered per second and core: pages of text {pages}, pairs of them {pairs}"]
    lines += [
        "",
        "Time of a pair of ours with its PNG encoding, and where it goes",
        *_aligned(parts),
    ]
    return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad a table's columns: the first on the right, the others on the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]


def reading_table(measured: dict[str, Any]) -> str:
    """Format what `measure_reading` returned in lines."""
    batches, pairs = (
        Rates(**measured[name]) for name in ("batches_per_second", "pairs_per_second")
    )
    return "\n".join(
        [
            f"{measured['name']} {measured['split']}, batches of {measured['batch_size']}, "
            f"{measured['cores_used']:.1f} of {measured['machine']['cores']} cores used",
            f"  batches per second  {batches.text()}",
            f"  pairs per second    {pairs.text()}",
        ]
    )
