"""Prepared data of every kind as training pairs."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfdeblur.data.pipeline import DataConfig, make_batches, make_validation

EXTRAS = {"lr_sharp": 1, "hr_blurry": 2, "face_mask": 2}
SIZES = [(7, 9), (6, 6), (8, 5)]


def image(channels=3, side=None):
    return tfds.features.Image(shape=(side, side, channels), encoding_format="png")


def describe(degraded, target, scale, extras):
    return {"pair": {"degraded": degraded, "target": target, "scale": scale, "extras": extras}}


def grid(height, width, factor=1):
    """Each pixel holds row, column and 255 of the degraded image's pixel that it is in."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    pixels = np.stack([rows, columns, np.full_like(rows, 255)], axis=-1).astype(np.uint8)
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def even(height, width, factor):
    """A mask: 255 where row + column of the degraded pixel is even."""
    pixels = grid(height, width, factor)
    return np.where((pixels[..., :1] + pixels[..., 1:2]) % 2, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def varying(tmp_path_factory, write_prepared):
    """Pairs of scale 2 in three sizes, with extras, whose names only the metadata says."""
    folder = tmp_path_factory.mktemp("varying")
    examples = [
        {
            "id": f"photo-{height}x{width}",
            "seen": grid(height, width),
            "truth": grid(height, width, 2),
            "lr_sharp": grid(height, width),
            "hr_blurry": grid(height, width, 2),
            "face_mask": even(height, width, 2),
        }
        for height, width in SIZES
    ]
    features = {name: image(1 if name == "face_mask" else 3) for name in examples[0]}
    del features["id"]
    metadata = describe("seen", "truth", 2, EXTRAS)
    write_prepared(folder, features, {"train": [examples]}, metadata)
    return DataConfig(source="prepared", name="toy_pairs", data_dir=str(folder), crop_size=10)


def read(data, steps, **changes):
    arguments = {"split": "train", "batch_size": 1, "seed": 3, "steps": steps} | changes
    return list(make_batches(data, **arguments).as_numpy_iterator())


@pytest.mark.parametrize("turned", [False, True])
def test_extras_are_cut_and_turned_with_the_pair(varying, turned):
    """In [0, 1] as all images; the third channel is white, and a mask is 0 or 1."""
    data = dataclasses.replace(varying, augment_flip=turned, augment_rotate=turned)
    batches = read(data, 12)
    orders = set()
    for batch in batches:
        assert batch.keys() == {"degraded", "target", *EXTRAS}
        levels = {name: np.rint(batch[name][0] * 255).astype(int) for name in batch}
        degraded = levels["degraded"]
        assert degraded.shape == (5, 5, 3) and np.all(batch["degraded"][..., 2] == 1)
        for name, factor in {"target": 2, "lr_sharp": 1, "hr_blurry": 2}.items():
            repeated = degraded.repeat(factor, axis=0).repeat(factor, axis=1)
            np.testing.assert_array_equal(levels[name], repeated)
        mask = (levels["target"][..., 0] + levels["target"][..., 1] + 1) % 2
        np.testing.assert_array_equal(batch["face_mask"][0, ..., 0], mask)
        rows, columns = degraded[..., 0], degraded[..., 1]
        orders.add(
            (rows[1, 0] - rows[0, 0], rows[0, 1] - rows[0, 0], columns[0, 1] - columns[0, 0])
        )
    assert (orders == {(1, 0, 1)}) == (not turned)


def test_batches_of_varying_sizes_have_one_shape(varying):
    spec = make_batches(varying, split="train", batch_size=3, seed=0).element_spec
    assert spec["degraded"].shape == (3, 5, 5, 3)
    assert spec["face_mask"].shape == (3, 10, 10, 1)
    (batch,) = read(varying, 1, batch_size=3)
    assert {int(row) for row in np.rint(batch["target"][..., 0].max(axis=(1, 2)) * 255)} <= {
        4,
        5,
        6,
        7,
    }


def test_validation_reads_whole_pairs_by_the_names_of_the_metadata(varying):
    pairs = make_validation(varying, "train", 3, seed=0)
    assert [pair.id for pair in pairs] == [f"photo-{height}x{width}" for height, width in SIZES]
    for pair, size in zip(pairs, SIZES, strict=True):
        np.testing.assert_array_equal(pair.degraded, grid(*size))
        np.testing.assert_array_equal(pair.target, grid(*size, 2))


def test_a_pair_smaller_than_the_crop_is_named(varying):
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"`toy_pairs`: pair\] \[photo-8x5\] \[must be at least 12x12 px, .*Got:\] \[16 10\]",
    ):
        read(dataclasses.replace(varying, crop_size=12), 3)


def test_varying_sizes_need_a_crop(varying):
    with pytest.raises(ValueError, match=r"must hold images of one size, or be cropped .*None"):
        read(dataclasses.replace(varying, crop_size=0), 1)
    with pytest.raises(ValueError, match=r"`data.crop_size` must be a multiple of 2. Got: 9"):
        read(dataclasses.replace(varying, crop_size=9), 1)


def test_data_without_metadata_has_the_scale_of_its_first_pair(tmp_path, write_prepared):
    """The second pair has another one, and is named."""
    examples = [
        {"id": name, "lr": grid(6, 6), "hr": grid(6, 6, factor)}
        for name, factor in (("first", 3), ("second", 4))
    ]
    features = {"lr": image(), "hr": image()}
    write_prepared(tmp_path, features, {"train": [examples[:1]], "test": [examples]})
    data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path), crop_size=12)
    (batch,) = read(data, 1)
    assert batch["degraded"].shape == (1, 4, 4, 3)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"pair\] \[second\] \[must have images whose sides are multiples of those of the "
        r"degraded image \(degraded 1, target 3\). Got:\] \[6 6\] \[24 24\]",
    ):
        read(data, 2, split="test")


@pytest.fixture
def grey(tmp_path, write_prepared):
    """Grey pairs of 4x6 px, of one size."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 4, 6, 1), dtype=np.uint8)
    examples = [
        {"id": str(number), "blurry": pixels, "sharp": pixels}
        for number, pixels in enumerate(images)
    ]
    feature = tfds.features.Image(shape=(4, 6, 1), encoding_format="png")
    write_prepared(tmp_path, {"blurry": feature, "sharp": feature}, {"train": [examples]})
    data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path))
    return data, images


def test_grey_images_keep_their_channel(grey):
    data, images = grey
    (batch,) = read(data, 1, batch_size=5)
    assert batch["degraded"].shape == (5, 4, 6, 1)
    levels = np.rint(batch["target"] * 255).astype(np.uint8)
    assert sorted(level.tobytes() for level in levels) == sorted(one.tobytes() for one in images)


def test_only_squares_are_rotated(grey):
    data = dataclasses.replace(grey[0], augment_rotate=True)
    with pytest.raises(ValueError, match=r"`data.augment_rotate` must be off, or images square"):
        read(data, 1)
    assert read(dataclasses.replace(data, crop_size=4), 1)[0]["target"].shape == (1, 4, 4, 1)


def test_sizes_that_do_not_fit_the_scale_are_refused(tmp_path, write_prepared):
    features = {"lr": image(side=4), "hr": image(side=8)}
    example = {"id": "0", "lr": grid(4, 4), "hr": grid(4, 4, 2)}
    write_prepared(tmp_path, features, {"train": [[example]]}, describe("lr", "hr", 3, {}))
    data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"\(degraded 1, target 3\). Got: .* target \(8, 8, 3\)"):
        read(data, 1)
