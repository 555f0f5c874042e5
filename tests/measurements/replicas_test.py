"""One replica, two, and two processes are the same training: a step's gradients agree."""

import pytest
from replicas import REPLICAS, WORKERS, compare, small_models

JUDGES = {
    "scgan": {"discriminator"},
    "mcgan": {"discriminator_0", "discriminator_1"},
    "mcgan_in_parts": {"discriminator_0", "discriminator_1"},
    "enhance_unet": {"critic"},
    "two_branch": {"global", "local"},
}
# SCGAN's synchronised batch norms take variances from sums of squares, the fused ones do not; its
# critics' gradients pass four of them.
TOLERANCE = {"scgan": 3e-5, "mcgan": 3e-5, "mcgan_in_parts": 3e-5}


@pytest.mark.slow
@pytest.mark.parametrize("shared_by", [REPLICAS, WORKERS])
def test_two_update_as_one(shared_by):
    for name, worst in compare(shared_by, small_models()).items():
        assert set(worst) == {"logs", "network"} | JUDGES.get(name, set()), name
        assert worst.pop("logs") < 1e-4, name
        assert max(worst.values()) < TOLERANCE.get(name, 1e-5), (name, worst)


def test_every_paper_is_compared():
    papers = {type(small.config).__module__ for small in small_models().values()}
    assert {paper.rpartition(".")[2] for paper in papers} == {
        "scgan",
        "enhance_unet",
        "gfn",
        "wrfn",
        "two_branch",
    }
