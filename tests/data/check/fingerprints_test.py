"""The hash against its definition, and the search for near-duplicates against all comparisons."""

import itertools

import cv2
import numpy as np
import pytest

from tfdeblur.data.check.fingerprints import (
    DISTANCE_MAX,
    _candidates,
    correlate,
    fingerprint,
    near_duplicates,
)
from tfdeblur.images.files import read_image, write_image


def _noise(seed, side=64):
    rough = np.random.default_rng(seed).standard_normal((side, side, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), 3)
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def test_hash_of_a_single_wave():
    """cos(pi (2x + 1) k / 64) is the DCT's own basis: only coefficient (0, k) is above the rest."""
    x = np.arange(32)
    grey = 128 + 100 * np.cos(np.pi * (2 * x + 1) * 3 / 64) * np.ones((32, 1))
    image = np.rint(grey).astype(np.uint8)[..., None].repeat(3, axis=2)
    bits = [int(bit) for bit in f"{fingerprint(image).hash:064b}"]
    assert bits[0] == 1 and bits[3] == 1  # The mean and the wave; the first bit is (0, 0).
    assert sum(bits) <= 32


def test_digest_is_of_pixels_not_of_files(tmp_path):
    image = _noise(0)
    write_image(tmp_path / "a.png", image)
    assert fingerprint(read_image(tmp_path / "a.png")).digest == fingerprint(image).digest
    assert fingerprint(image[:, :32]).digest != fingerprint(image).digest
    assert fingerprint(image.reshape(32, 128, 3)).digest != fingerprint(image).digest


def test_flat():
    assert fingerprint(np.full((40, 30, 3), 200, np.uint8)).flat
    assert not fingerprint(_noise(0)).flat


def test_correlation():
    one = fingerprint(_noise(0)).thumbnail
    other = fingerprint(_noise(1)).thumbnail
    expected = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    alike = correlate(one, [one, 255 - one, other, np.full_like(one, 7)])
    assert alike == pytest.approx([1, -1, expected, 0], abs=1e-5)


def test_near_duplicates_are_found_and_others_are_not():
    images = [_noise(seed) for seed in range(40)]
    images.append(cv2.GaussianBlur(images[7], (0, 0), 1))
    images.append(cv2.resize(images[11], (96, 96), interpolation=cv2.INTER_LINEAR))
    found = list(near_duplicates([fingerprint(image) for image in images]))
    assert [(first, second) for first, second, _ in found] == [(7, 40), (11, 41)]
    assert all(0 <= distance <= DISTANCE_MAX for *_, distance in found)


def test_candidates_are_all_within_the_distance():
    """Banding must miss no pair: compared with all comparisons, near hashes planted."""
    rng = np.random.default_rng(0)
    hashes = [int(value) for value in rng.integers(0, 2**63, 60)]
    for index in range(40):
        flips = rng.choice(64, size=int(rng.integers(0, 8)), replace=False)
        hashes.append(hashes[index] ^ sum(1 << int(bit) for bit in flips))
    expected = [
        (first, second)
        for first, second in itertools.combinations(range(100), 2)
        if (hashes[first] ^ hashes[second]).bit_count() <= DISTANCE_MAX
    ]
    assert len(expected) > 10
    array = np.array(hashes, np.uint64)
    assert _candidates(array, [True] * 100) == expected
    without = [pair for pair in expected if 0 not in pair]
    assert _candidates(array, [False] + [True] * 99) == without
