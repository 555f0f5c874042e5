import numpy as np
import pytest

from tfdeblur.degradations.recipes import GENERATED, GeneratedRecipe

SCALES = {"scgan_face": 4, "enhance_unet": 1, "wrfn": 1, "two_branch": 8, "gfn": 4}
EXTRAS = {"two_branch": {"hr_blurry", "face_mask"}, "gfn": {"lr_sharp"}}


@pytest.mark.parametrize("name", GENERATED)
def test_each_paper_can_be_tried_without_files(name):
    recipe = GeneratedRecipe(name, patch_size=64, patches_per_page=2)
    pair = recipe.pair(3, 1, "train")
    scale, channels = SCALES[name], 1 if name == "wrfn" else 3
    assert (recipe.scale, recipe.channels) == (scale, channels)
    images = {"degraded": pair.degraded, "target": pair.target, **pair.extras}
    assert {key: image.shape for key, image in images.items()} == recipe.shapes
    assert pair.target.shape == (64, 64, channels)
    assert pair.degraded.shape == (64 // scale, 64 // scale, channels)
    assert pair.extras.keys() == EXTRAS.get(name, set())
    assert pair.target.std() > 10  # Print, not empty paper.
    if scale == 1:
        assert np.abs(pair.degraded.astype(int) - pair.target).mean() > 1


@pytest.mark.parametrize("name", GENERATED)
def test_a_pair_depends_on_seed_index_and_split_alone(name):
    recipe = GeneratedRecipe(name, patches_per_page=2)
    first, other = recipe.pair(3, 1, "test"), recipe.pair(3, 0, "test")
    again = recipe.pair(3, 1, "test")
    np.testing.assert_array_equal(again.degraded, first.degraded)
    assert again.drawn == first.drawn
    assert not np.array_equal(other.degraded, first.degraded)


def test_wrong_fields_are_refused():
    with pytest.raises(ValueError, match="`recipe` must be one of .*'gfn'.* Got: 'blur'."):
        GeneratedRecipe("blur")
    with pytest.raises(ValueError, match="must be a multiple of `scale` = 8. Got: 60."):
        GeneratedRecipe("two_branch", patch_size=60)
    with pytest.raises(ValueError, match="`patches_per_page` must be at least 1. Got: 0."):
        GeneratedRecipe("wrfn", patches_per_page=0)
