"""Tests of tfdeblur.export.check_images."""

import numpy as np
import pytest

from tfdeblur.degradations.recipes import GeneratedRecipe
from tfdeblur.export import check_images
from tfdeblur.images.files import write_image


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_drawn_pages_have_five_sizes_and_fitting_targets():
    images, targets = check_images.draw_check_images(4)
    assert [image.shape[:2] for image in images[:5]] == [
        (75, 75),
        (56, 75),
        (75, 53),
        (49, 37),
        (25, 65),
    ]
    assert len(images) == 10
    for image, target in zip(images, targets, strict=True):
        assert target.shape == (4 * image.shape[0], 4 * image.shape[1], 3)
        # The same part of the page: block means of the target are the degraded image, blurred.
        means = target.reshape(image.shape[0], 4, image.shape[1], 4, 3).mean(axis=(1, 3))
        assert np.corrcoef(means.ravel(), image.ravel())[0, 1] > 0.3


def test_pages_cannot_be_drawn_for_another_scale():
    with pytest.raises(ValueError, match="the model's scale is 1: give the gate a folder"):
        check_images.draw_check_images(1)


def test_a_folder_of_images_is_cropped_to_five_sizes(tmp_path):
    originals = [noise(index, 40, 300) for index in range(12)]
    for index, image in enumerate(originals):
        write_image(tmp_path / f"{index:02d}.png", image)
    images, targets = check_images.read_check_images(tmp_path, 4)
    assert targets is None
    assert len(images) == 10
    assert {image.shape[:2] for image in images} == {
        (40, 160),
        (30, 160),
        (40, 114),
        (26, 78),
        (13, 139),
    }
    for image, original in zip(images, originals, strict=False):
        np.testing.assert_array_equal(image, original[: image.shape[0], : image.shape[1]])


@pytest.mark.parametrize(("names", "scale"), [(("lr", "hr"), 2), (("blurry", "sharp"), 1)])
def test_a_folder_of_pairs_keeps_its_targets(tmp_path, names, scale):
    for index in range(10):
        write_image(tmp_path / names[0] / f"{index}.png", noise(index, 20, 20))
        write_image(tmp_path / names[1] / f"{index}.png", noise(index, 20 * scale, 20 * scale))
    images, targets = check_images.read_check_images(tmp_path, scale)
    assert images[1].shape == (15, 20, 3)
    assert targets[1].shape == (15 * scale, 20 * scale, 3)
    np.testing.assert_array_equal(targets[1], noise(1, 20 * scale, 20 * scale)[: 15 * scale])


def test_too_few_images_are_refused(tmp_path):
    for index in range(9):
        write_image(tmp_path / f"{index}.png", noise(index, 8, 8))
    with pytest.raises(ValueError, match="must hold at least 10 images for the gate. Got: 9."):
        check_images.read_check_images(tmp_path, 4)


def test_pairs_of_another_scale_are_refused(tmp_path):
    for index in range(10):
        write_image(tmp_path / "lr" / f"{index}.png", noise(index, 8, 8))
        write_image(tmp_path / "hr" / f"{index}.png", noise(index, 16, 16))
    with pytest.raises(ValueError, match="at scale 4 the target of a 8x8 image must be 32x32"):
        check_images.read_check_images(tmp_path, 4)


def test_pages_are_drawn_for_the_size_and_the_degradation_of_a_model():
    recipe = GeneratedRecipe("two_branch", patch_size=64, patches_per_page=4)
    images, targets = check_images.draw_check_images(8, 16, recipe)
    assert {image.shape for image in images} == {(16, 16, 3)}
    assert {target.shape for target in targets} == {(128, 128, 3)}
    grey, _ = check_images.draw_check_images(1, recipe=GeneratedRecipe("wrfn"))
    assert {image.shape[2] for image in grey} == {3}
    assert len({image.shape for image in grey}) == 5
