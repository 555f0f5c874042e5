import numpy as np
import pytest

from tfdeblur.degradations.kernels import (
    WIDE_SHARES,
    WIDE_SIZES,
    check_psf,
    filling_psf,
    wide_psf,
)


@pytest.fixture(scope="module")
def drawn():
    return [wide_psf(np.random.default_rng(seed)) for seed in range(300)]


def test_kinds_come_by_their_shares(drawn):
    kinds = [what["kind"] for _, what in drawn]
    for kind, share in WIDE_SHARES.items():
        assert abs(kinds.count(kind) / 300 - share) < 0.08
    assert {int(what["size"]) for _, what in drawn if "size" in what} == set(WIDE_SIZES)


def test_every_kernel_is_one_with_its_centroid_in_the_middle(drawn):
    for psf, _ in drawn:
        check_psf(psf)
        offset = np.arange(len(psf)) - len(psf) // 2
        for axis in (0, 1):
            assert abs(psf.sum(axis=axis) @ offset) <= 0.5 + 1e-4


def test_paths_fill_their_size(drawn):
    """A splat reaches at most a pixel further on either side than the path."""
    paths = [pair for pair in drawn if pair[1]["kind"] in ("trajectory", "shake")]
    for psf, what in paths:
        extent = max(np.ptp(np.nonzero(psf)[axis]) + 1 for axis in (0, 1))
        assert what["size"] <= extent <= what["size"] + 2


def test_a_straight_path_is_spread_evenly_over_its_size():
    points = np.stack([np.linspace(3, 5, 4001), np.full(4001, 7.0)], axis=1)
    psf = filling_psf(points, 5)
    assert psf.shape == (5, 5)
    np.testing.assert_allclose(psf[2], [1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8], atol=1e-3)


def test_a_lopsided_path_keeps_its_extent():
    points = np.stack([np.concatenate([np.zeros(900), np.linspace(0, 1, 100)]), np.zeros(1000)], 1)
    psf = filling_psf(points, 9)
    assert len(psf) == 17  # The centroid stands near one end.
    assert np.ptp(np.nonzero(psf)[1]) in (8, 9)


@pytest.mark.parametrize(("points", "size"), [(np.zeros((5, 2)), 5), (np.eye(2), 1)])
def test_a_point_and_a_size_of_one_are_refused(points, size):
    with pytest.raises(ValueError, match="`size` must be at least 2 and `points` spread out"):
        filling_psf(points, size)
