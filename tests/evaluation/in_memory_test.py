"""The network sees legal sizes only, and the caller sees the sizes that it asked for."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfdeblur.evaluation.in_memory import make_restorer


def _config():
    return SimpleNamespace(scale=2, halo=4, size_multiple=4, minimum_size=8, fixed_input_size=None)


@pytest.mark.parametrize(
    ("size", "seen"), [((3, 5), (8, 8)), ((9, 8), (12, 8)), ((12, 16), (12, 16))]
)
def test_sizes(size, seen):
    sizes = []

    def restore(image):
        sizes.append(image.shape[:2])
        return image.repeat(2, axis=0).repeat(2, axis=1)

    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    restorer = make_restorer(restore, _config())
    np.testing.assert_array_equal(
        restorer.restore(image), image.repeat(2, axis=0).repeat(2, axis=1)
    )
    assert sizes == [seen]
    assert restorer.scale == 2


def test_config_without_a_size_is_named():
    config = _config()
    del config.halo
    with pytest.raises(AttributeError, match="halo"):
        make_restorer(lambda image: image, config)
