"""Images of any size: mirrored where the network needs more, tiled where they are large."""

import numpy as np
import pytest

from tfdeblur.images.files import Photo
from tfdeblur.inference.restorer import Restorer


class Recorder:
    """A runtime that doubles pixels and notes the sizes that it sees."""

    scale = 2
    fixed_size = None

    def __init__(self):
        self.sizes = []

    def restore(self, images):
        self.sizes.append(images.shape[1:3])
        return images.repeat(2, axis=1).repeat(2, axis=2)


@pytest.mark.parametrize("kind", ["litert", "saved_model"])
def test_loaded_model(toy_model, picture, toy_network, kind):
    restorer = Restorer.load(toy_model, kind)
    assert restorer.scale == 2 and restorer.metadata["name"] == "toy"
    assert np.abs(restorer.restore(picture).astype(int) - toy_network(picture)).max() <= 1


def test_tiles_equal_the_whole(toy_model, picture):
    whole = Restorer.load(toy_model).restore(picture)
    tiled = Restorer.load(toy_model, tile=10).restore(picture)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # summation order may differ


def test_one_pixel(toy_model, toy_network):
    pixel = np.array([[[10, 200, 90]]], np.uint8)
    restored = Restorer.load(toy_model).restore(pixel)
    assert restored.shape == (2, 2, 3)
    assert np.abs(restored.astype(int) - toy_network(pixel)).max() <= 1


@pytest.mark.parametrize(
    ("size", "seen"), [((1, 1), (12, 12)), ((11, 13), (12, 16)), ((12, 16), (12, 16))]
)
def test_sizes_that_the_network_needs(size, seen):
    runtime = Recorder()
    restorer = Restorer(runtime, {"halo": 4, "size_multiple": 4, "minimum_size": 10})
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    restored = restorer.restore(image)
    np.testing.assert_array_equal(restored, image.repeat(2, axis=0).repeat(2, axis=1))
    assert runtime.sizes == [seen]


def test_large_images_are_tiled():
    runtime = Recorder()
    restorer = Restorer(runtime, {"halo": 4, "size_multiple": 1, "minimum_size": 1}, tile=32)
    assert restorer.restore(np.zeros((64, 33, 3), np.uint8)).shape == (128, 66, 3)
    assert set(runtime.sizes) == {(40, 33)}


@pytest.mark.parametrize("metadata", [{}, {"halo": None, "size_multiple": 1, "minimum_size": 1}])
def test_without_a_halo_the_image_stays_whole(metadata):
    runtime = Recorder()
    Restorer(runtime, metadata, tile=8).restore(np.zeros((64, 33, 3), np.uint8))
    assert runtime.sizes == [(64, 33)]


def test_transparency_is_enlarged():
    alpha = np.zeros((4, 4), np.uint8)
    alpha[:, 2:] = 255
    restored = Restorer(Recorder(), {}).restore_photo(Photo(np.zeros((4, 4, 3), np.uint8), alpha))
    assert restored.rgb.shape == (8, 8, 3)
    assert restored.alpha is not None and restored.alpha.shape == (8, 8)
    # By hand, Keys' cubic at offset 1/4: weights -9/128, 111/128, 29/128, -3/128.
    row = restored.alpha[0].tolist()
    assert row[0] == 0 and row[-1] == 255
    assert row[3] == round(255 * (29 - 3) / 128) and row[4] == 255 - row[3]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_bad_images(image):
    with pytest.raises(ValueError, match=r"`image` must be uint8 \[H, W, 3\] and not empty"):
        Restorer(Recorder(), {}).restore(image)
