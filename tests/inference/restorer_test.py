"""Images of any size: mirrored where the network needs more, tiled where they are large."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from tfdeblur.images.files import Photo, write_image
from tfdeblur.inference.restorer import Restorer, restore


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
        np.zeros((4,), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_bad_images(image):
    rule = "`image` must be uint8 [H, W, 3] or [H, W] and not empty."
    with pytest.raises(ValueError) as refused:
        Restorer(Recorder(), {}).restore(image)
    assert str(refused.value) == f"{rule} Got: {image.dtype} {image.shape}."


def test_other_things_are_no_images():
    rule = "`image` must be a path, a PIL image or a numpy array."
    with pytest.raises(TypeError, match=f"{rule} Got: builtins.list."):
        Restorer(Recorder(), {}).restore([[0, 0], [0, 0]])


def test_paths_pil_images_and_arrays_are_one(tmp_path, picture):
    """Also where a file holds transparency, or the turn of a camera."""
    doubled = Restorer(Recorder(), {}).restore
    write_image(tmp_path / "a.png", picture)
    for image in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(picture)):
        np.testing.assert_array_equal(doubled(image), doubled(picture))
    grey = picture[..., 0]
    for image in (grey, Image.fromarray(grey)):
        np.testing.assert_array_equal(doubled(image), doubled(np.dstack([grey] * 3)))
    clear = np.dstack([picture, np.zeros_like(grey)])
    assert (doubled(Image.fromarray(clear)) == 255).all()
    turned = Image.fromarray(picture)
    turned.getexif()[ExifTags.Base.Orientation] = 6  # A quarter turn clockwise shows it upright.
    np.testing.assert_array_equal(doubled(turned), doubled(np.rot90(picture, -1)))


def test_one_call_restores(toy_model, toy_network, picture):
    restored = restore(picture, toy_model)
    assert np.abs(restored.astype(int) - toy_network(picture)).max() <= 1
