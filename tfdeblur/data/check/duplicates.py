"""Duplicate targets: a waste within a split, a leak across splits."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tfdeblur.data.check.findings import Finding
from tfdeblur.data.check.fingerprints import (
    CORRELATION_MIN,
    DISTANCE_MAX,
    HASH_BITS,
    Fingerprint,
    near_duplicates,
)

NamedPrints = tuple[str, tuple[str, str], tuple[Fingerprint, Fingerprint]]

_NEAR = (
    f"at most {DISTANCE_MAX} of {HASH_BITS} bits of the DCT hash differ, "
    f"thumbnails correlate by {CORRELATION_MIN}"
)


def find_duplicates(pairs: Sequence[NamedPrints]) -> list[Finding]:
    """Compare the targets of all pairs with each other.

    An identical picture in two splits is an error, a nearly identical one a warning. Within a
    split, identical pairs are a warning; identical targets with different degradations, and nearly
    identical targets, are notes. Flat pictures are reported only if identical, and always as a
    note.

    Args:
      pairs: (split, names, fingerprints), the names and fingerprints as (degraded, target).
    """
    same: dict[str, list[int]] = defaultdict(list)
    for index, (_, _, prints) in enumerate(pairs):
        same[prints[1].digest].append(index)
    groups = list(same.values())
    found = [finding for group in groups if len(group) > 1 for finding in _exact(pairs, group)]
    return found + list(_near(pairs, groups))


def _exact(pairs: Sequence[NamedPrints], group: list[int]) -> Iterator[Finding]:
    splits = sorted({pairs[index][0] for index in group})
    files = tuple(pairs[index][1][1] for index in group)
    flat = pairs[group[0]][2][1].flat
    got = f"{len(group)} exact duplicates" + (" (a flat picture)" if flat else "")
    if len(splits) > 1:
        rule = "No target may be in two splits."
        severity = "note" if flat else "error"
        yield Finding(severity, "leakage", files, rule, f"{got} in {', '.join(splits)}")
        return
    degraded = {pairs[index][2][0].digest for index in group}
    if len(degraded) < len(group):
        rule = "No pair should be there twice."
        yield Finding("note" if flat else "warning", "duplicate", files, rule, got)
    else:
        rule = "A target that comes up again counts more."
        got += ", each degraded in another way"
        yield Finding("note", "duplicate", files, rule, got)


def _near(pairs: Sequence[NamedPrints], groups: list[list[int]]) -> Iterator[Finding]:
    """Compare one picture per group of exact duplicates; report each chain of neighbours once."""
    prints = [pairs[group[0]][2][1] for group in groups]
    parent = list(range(len(groups)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    links = list(near_duplicates(prints))
    for first, second, _ in links:
        parent[root(second)] = root(first)
    chains: dict[int, list[int]] = defaultdict(list)
    distances: dict[int, list[int]] = defaultdict(list)
    for first, _, distance in links:
        distances[root(first)].append(distance)
    for index in range(len(groups)):
        chains[root(index)].append(index)
    for top, found in distances.items():
        members = sorted(index for place in chains[top] for index in groups[place])
        splits = sorted({pairs[index][0] for index in members})
        files = tuple(pairs[index][1][1] for index in members)
        least, most = min(found), max(found)
        bits = f"distance {least}" if least == most else f"distances {least} to {most}"
        got = f"{len(members)} near-duplicates, {bits} of {HASH_BITS}"
        if len(splits) > 1:
            rule = f"No target should be in two splits nearly the same ({_NEAR})."
            yield Finding("warning", "leakage", files, rule, f"{got}, in {', '.join(splits)}")
        else:
            rule = f"Targets that are nearly the same count more ({_NEAR})."
            yield Finding("note", "near_duplicate", files, rule, got)
