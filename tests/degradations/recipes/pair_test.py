import numpy as np
import pytest

from tfdeblur.degradations.recipes import Pair, UnfitImage, example_rng


def test_examples_have_generators_of_their_own():
    keys = [(0, "a"), (0, "b"), (1, "a"), (0, "a/1"), (0, "")]
    first = {key: example_rng(*key).integers(1 << 62) for key in keys}
    assert len(set(first.values())) == len(keys)
    assert {key: example_rng(*key).integers(1 << 62) for key in reversed(keys)} == first


def test_generator_of_a_known_key_is_golden():
    """PCG64(SeedSequence([seed, *eight little-endian words of the key's sha256])), the digest being
    that of "abc" in FIPS 180-2."""
    digest = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    swapped = [int.from_bytes(digest[start : start + 4], "little") for start in range(0, 32, 4)]
    sequence = np.random.SeedSequence([5, *swapped])
    expected = np.random.Generator(np.random.PCG64(sequence)).integers(1 << 62, size=3)
    assert example_rng(5, "abc").integers(1 << 62, size=3).tolist() == expected.tolist()
    assert example_rng(5, "abc").integers(1000, size=3).tolist() == [161, 724, 950]


def test_negative_seeds_are_refused():
    with pytest.raises(ValueError, match="`seed` must be at least 0. Got: -1"):
        example_rng(-1, "a")


def test_pairs_share_no_extras():
    image = np.zeros((1, 1, 3), np.uint8)
    Pair(image, image, {}).extras["mask"] = image
    assert Pair(image, image, {}).extras == {}


def test_an_unfit_image_is_a_value_error():
    assert issubclass(UnfitImage, ValueError)
