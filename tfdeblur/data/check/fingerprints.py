"""Fingerprints that tell identical, nearly identical and different images apart.

By hand, as imagehash would bring scipy into the light install.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

HASH_BITS = 64
DISTANCE_MAX = 4  # bits; up to here, images whose thumbnails agree are nearly identical.
CORRELATION_MIN = 0.98  # of the thumbnails of nearly identical images
FLAT = 2.0  # levels; images that vary less, such as empty paper, all look alike.

_THUMBNAIL = 32  # px


class Fingerprint(NamedTuple):
    """What is kept of an image.

    Attributes:
      digest: SHA-256 of size and pixels, in hexadecimal.
      hash: 64 bits: which of the 8 x 8 lowest DCT coefficients of the 32 x 32 px grey thumbnail
        exceed their median.
      thumbnail: `[32, 32] uint8`, grey.
      flat: whether the thumbnail's standard deviation is below `FLAT` levels.
    """

    digest: str
    hash: int
    thumbnail: np.ndarray
    flat: bool


def fingerprint(image: np.ndarray) -> Fingerprint:
    """Return the fingerprint of `[H, W, 3] uint8`."""
    pixels = np.ascontiguousarray(image)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small.astype(np.float32))[:8, :8].ravel()
    bits = np.packbits(lowest > np.median(lowest))
    flat = float(small.std()) < FLAT
    return Fingerprint(digest.hexdigest(), int.from_bytes(bits.tobytes(), "big"), small, flat)


def correlate(one: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Return the correlation, -1 to 1, of a thumbnail with others; 0 with a flat one."""
    first, rest = _normalise(one[None]), _normalise(np.stack(others))
    return (rest @ first[0]).astype(np.float64)


def _normalise(thumbnails: np.ndarray) -> np.ndarray:
    rows = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def near_duplicates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Yield (index, later index, distance in bits) of nearly identical images.

    Their hashes differ in at most `DISTANCE_MAX` bits, and their thumbnails correlate by at least
    `CORRELATION_MIN`. Flat images are skipped.
    """
    hashes = np.array([each.hash for each in prints], np.uint64)
    for first, second in _candidates(hashes, [not each.flat for each in prints]):
        distance = int(prints[first].hash ^ prints[second].hash).bit_count()
        alike = correlate(prints[first].thumbnail, [prints[second].thumbnail])[0]
        if alike >= CORRELATION_MIN:
            yield first, second, distance


def _candidates(hashes: np.ndarray, wanted: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the pairs within `DISTANCE_MAX` bits, sorted, without comparing every pair.

    Such a pair agrees in at least one of `DISTANCE_MAX` + 1 bands of bits.
    """
    found: set[tuple[int, int]] = set()
    edges = np.linspace(0, HASH_BITS, DISTANCE_MAX + 2).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        mask = np.uint64((1 << int(high - low)) - 1)
        buckets: dict[int, list[int]] = defaultdict(list)
        for index, band in enumerate(((hashes >> np.uint64(low)) & mask).tolist()):
            if wanted[index]:
                buckets[band].append(index)
        for members in buckets.values():
            column = hashes[members]
            for place, index in enumerate(members[:-1]):
                differing = np.bitwise_xor(column[place + 1 :], hashes[index])
                near = np.flatnonzero(_count_bits(differing) <= DISTANCE_MAX)
                found.update((index, members[place + 1 + int(other)]) for other in near)
    return sorted(found)


def _count_bits(values: np.ndarray) -> np.ndarray:
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), 8)
    return np.unpackbits(octets, axis=1).sum(axis=1)
