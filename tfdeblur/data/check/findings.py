"""The doctor's results: findings and counts, also as text."""

from collections import Counter
from dataclasses import dataclass, field

SEVERITIES = ("error", "warning", "note")
FILES_SHOWN = 6


@dataclass(frozen=True)
class Finding:
    """Something wrong or worth knowing.

    Attributes:
      severity: `error` (do not train on it), `warning` (look at it) or `note`.
      kind: one word for the kind of finding, such as `misaligned`.
      files: the files concerned, or split:id for prepared data; empty: the whole data set.
      rule: what should hold.
      got: what was received.
    """

    severity: str
    kind: str
    files: tuple[str, ...]
    rule: str
    got: str

    def __post_init__(self):
        if self.severity not in SEVERITIES:
            raise ValueError(f"`severity` must be one of {SEVERITIES}. Got: {self.severity!r}.")

    def shown_files(self) -> str:
        """Return the files in one line; if there are many, the first few and how many more."""
        if not self.files:
            return "(all)"
        more = len(self.files) - FILES_SHOWN
        shown = ", ".join(self.files[:FILES_SHOWN])
        return shown if more <= 0 else f"{shown} and {more} more"


@dataclass
class Report:
    """The findings in one data set.

    Attributes:
      source: the folder, or the name of prepared data.
      findings: errors first.
      counts: how much was examined and skipped, by description.
    """

    source: str
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(finding.severity == "error" for finding in self.findings)

    def sort(self) -> None:
        """Sort the findings by severity, keeping their order otherwise."""
        self.findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))

    def summary(self) -> list[tuple[str, str, int]]:
        """Return (severity, kind, number of findings), errors first."""
        found = Counter((finding.severity, finding.kind) for finding in self.findings)
        order = sorted(found, key=lambda key: (SEVERITIES.index(key[0]), key[1]))
        return [(severity, kind, found[severity, kind]) for severity, kind in order]

    def text(self) -> str:
        """Return the findings, the number of each kind, and what was examined."""
        lines = [f"{self.source}:"]
        for finding in self.findings:
            lines.append(f"{finding.severity:8} {finding.kind:15} {finding.shown_files()}")
            lines.append(f"{'':24} {finding.rule} Got: {finding.got}.")
        lines.append("")
        for severity, kind, count in self.summary():
            lines.append(f"{count:8} {severity:8} {kind}")
        if not self.findings:
            lines.append("       0 findings")
        lines += ["", *(f"{count:8} {name}" for name, count in self.counts.items())]
        return "\n".join(lines)
