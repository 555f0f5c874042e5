"""Prepared data of sharp images only, which are blurred when they are read."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfdeblur.data.pairs import PairError, read_prepared
from tfdeblur.data.pipeline import DataConfig, make_batches, make_validation
from tfdeblur.degradations.kernel_bank import draw_bank, save_bank
from tfdeblur.degradations.recipes import (
    FreshFaceRecipe,
    Given,
    WideRecipe,
    WrfnRecipe,
    example_rng,
)

RECIPE = WrfnRecipe(side=40)
BANK = draw_bank("text", 3, seed=1)
PSFS = [kernel.psf for kernel in BANK]
SEED = 11  # Of the data set.
METADATA = {
    "recipe": dataclasses.asdict(RECIPE),
    "recipe_name": "wrfn",
    "recipe_version": WrfnRecipe.version,
    "seed": SEED,
    "pair": {"degraded": None, "target": "sharp", "scale": 1, "extras": {}},
    "blur_on_reading": {"bank": "kernels.npz"},
}


def write(write_prepared, folder, **changes):
    """Write five sharp images for training and three for validation, and the bank beside them."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 40, 40, 1), dtype=np.uint8)
    examples = [{"id": f"face-{n}", "sharp": images[n]} for n in range(8)]
    feature = tfds.features.Image(shape=(40, 40, 1), encoding_format="png")
    splits = {"train": [examples[:2], examples[2:5]], "validation": [examples[5:]]}
    data_dir = write_prepared(folder, {"sharp": feature}, splits, METADATA | changes)
    save_bank(data_dir / "kernels.npz", BANK)
    return data_dir, images


@pytest.fixture(scope="module")
def faces(tmp_path_factory, write_prepared):
    folder = tmp_path_factory.mktemp("faces")
    _, images = write(write_prepared, folder)
    return DataConfig(source="prepared", name="toy_pairs", data_dir=str(folder)), images


def read(data, steps, *, start_step=0, threads=0, seed=3):
    batches = make_batches(
        data, split="train", batch_size=2, seed=seed, start_step=start_step, steps=steps
    )
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    batches = list(batches.with_options(options).as_numpy_iterator())
    return [
        np.rint(np.stack([batch["degraded"], batch["target"]]) * 255).astype(np.uint8)
        for batch in batches
    ]


def test_a_pair_is_the_recipes_of_the_seed_and_the_position(faces):
    """Two steps an epoch; the third begins the second one."""
    data, images = faces
    batches = read(data, 3)
    assert batches[0].shape == (2, 2, 40, 40, 1)
    sharp = {image.tobytes() for image in images[:5]}
    for position in range(6):
        degraded, target = batches[position // 2][:, position % 2]
        assert target.tobytes() in sharp
        expected = RECIPE.degrade(target, example_rng(3, str(position)), Given(PSFS))
        np.testing.assert_array_equal(degraded, expected.degraded)


def test_a_crop_is_a_window_of_the_whole_blur(faces):
    """The noise is drawn for the window alone; its place is found by its sharp pixels."""
    data, images = faces
    side = 24
    found = {
        image[top : top + side, left : left + side].tobytes(): (image, (top, left, side))
        for image in images[:5]
        for top in range(40 - side + 1)
        for left in range(40 - side + 1)
    }
    batches = read(dataclasses.replace(data, crop_size=side), 4)
    windows = set()
    for position in range(8):
        degraded, target = batches[position // 2][:, position % 2]
        sharp, window = found[target.tobytes()]
        rng = example_rng(3, str(position))
        expected = RECIPE.degrade(sharp, rng, Given(PSFS, window=window))
        np.testing.assert_array_equal(degraded, expected.degraded)
        windows.add(window)
    assert len(windows) > 4


def test_neither_threads_nor_an_interruption_nor_a_rerun_change_a_batch(faces):
    data = dataclasses.replace(faces[0], crop_size=24, augment_flip=True, augment_rotate=True)
    whole = read(data, 5, threads=1)
    for threads in (2, 8):
        np.testing.assert_array_equal(whole, read(data, 5, threads=threads))
    np.testing.assert_array_equal(whole[3:], read(data, 2, start_step=3))
    assert not np.array_equal(whole, read(data, 5, seed=4))


def test_validation_is_blurred_by_the_datas_seed_the_split_and_the_id(faces):
    data, images = faces
    for seed in (0, 1):
        pairs = make_validation(data, "validation", 3, seed=seed)
        assert [pair.id for pair in pairs] == ["face-5", "face-6", "face-7"]
        for pair, sharp in zip(pairs, images[5:], strict=True):
            expected = RECIPE.degrade(
                sharp, example_rng(SEED, f"validation/{pair.id}"), Given(PSFS)
            )
            np.testing.assert_array_equal(pair.degraded, expected.degraded.repeat(3, axis=2))
            np.testing.assert_array_equal(pair.target, sharp.repeat(3, axis=2))


@pytest.mark.parametrize("side", [0, 24])
def test_wide_pairs_are_varied_in_training_and_whole_in_validation(tmp_path, write_prepared, side):
    recipe = WideRecipe(side=40, largest=80, turns=True)
    described = {
        "recipe": dataclasses.asdict(recipe),
        "recipe_name": "wide",
        "recipe_version": WideRecipe.version,
    }
    images = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    examples = [{"id": f"square-{n}", "sharp": images[n]} for n in range(4)]
    feature = tfds.features.Image(shape=(40, 40, 3), encoding_format="png")
    splits = {"train": [examples[:2]], "validation": [examples[2:]]}
    folder = write_prepared(tmp_path, {"sharp": feature}, splits, METADATA | described)
    save_bank(folder / "kernels.npz", BANK)
    data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path), crop_size=side)
    batches = read(data, 3)
    assert batches[0].shape == (2, 2, side or 40, side or 40, 1)
    for position in range(6):
        found = [
            (pair.degraded.tobytes(), pair.target.tobytes())
            for pair in (
                recipe.degrade(image, rng, Given(PSFS, window=window))
                for sharp in images[:2]
                for rng in [example_rng(3, str(position))]
                for image, window in [recipe.vary(sharp, rng, side or 40)]
            )
        ]
        made = batches[position // 2][:, position % 2]
        assert tuple(image.tobytes() for image in made) in found
    pairs = make_validation(data, "validation", 2, seed=0)
    for pair, sharp in zip(pairs, images[2:], strict=True):
        expected = recipe.degrade(sharp, example_rng(SEED, f"validation/{pair.id}"), Given(PSFS))
        np.testing.assert_array_equal(pair.degraded, expected.degraded.repeat(3, axis=2))
        np.testing.assert_array_equal(pair.target, expected.target.repeat(3, axis=2))


@pytest.mark.parametrize("side", [0, 24])
def test_fresh_faces_are_drawn_in_training_and_whole_in_validation(tmp_path, write_prepared, side):
    recipe = FreshFaceRecipe(stored=60, side=32)
    described = {
        "recipe": dataclasses.asdict(recipe),
        "recipe_name": recipe.name,
        "recipe_version": recipe.version,
        "pair": {"degraded": None, "target": "sharp", "scale": 4, "extras": {}},
        "blur_on_reading": {"bank": None},
    }
    images = np.random.default_rng(0).integers(0, 256, (4, 60, 60, 3), dtype=np.uint8)
    examples = [{"id": f"face-{n}", "sharp": images[n]} for n in range(4)]
    feature = tfds.features.Image(shape=(60, 60, 3), encoding_format="png")
    splits = {"train": [examples[:2]], "validation": [examples[2:]]}
    write_prepared(tmp_path, {"sharp": feature}, splits, METADATA | described)
    data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path), crop_size=side)
    batches = make_batches(data, split="train", batch_size=2, seed=3, steps=2)
    for step, batch in enumerate(batches.as_numpy_iterator()):
        assert batch["degraded"].shape == (2, (side or 32) // 4, (side or 32) // 4, 3)
        for place in range(2):
            rngs = [example_rng(3, str(2 * step + place)) for _ in range(2)]
            drawn = [
                recipe.draw(sharp, rng, Given(window=(0, 0, side) if side else None))
                for sharp, rng in zip(images[:2], rngs, strict=True)
            ]
            made = [np.rint(batch[name][place] * 255) for name in ("degraded", "target")]
            assert any(
                np.array_equal(made[0], pair.degraded) and np.array_equal(made[1], pair.target)
                for pair in drawn
            )
    pairs = make_validation(data, "validation", 2, seed=0)
    for pair, sharp in zip(pairs, images[2:], strict=True):
        expected = recipe.degrade(sharp, example_rng(SEED, f"validation/{pair.id}"))
        np.testing.assert_array_equal(pair.degraded, expected.degraded)
        np.testing.assert_array_equal(pair.target, expected.target)


def test_a_slice_holds_the_pairs_of_its_split(faces):
    data, _ = faces
    whole = list(read_prepared("toy_pairs", data.data_dir, "validation"))
    part = list(read_prepared("toy_pairs", data.data_dir, "validation[1:]"))
    assert [pair.id for pair in part] == [pair.id for pair in whole[1:]]
    np.testing.assert_array_equal(part[0].degraded, whole[1].degraded)
    with pytest.raises(PairError, match="needs one split or a slice of it. Got: 'train.valid"):
        read_prepared("toy_pairs", data.data_dir, "train+validation")


def test_a_bank_that_is_missing_or_damaged_is_named(tmp_path, write_prepared):
    data_dir, _ = write(write_prepared, tmp_path)
    bank = data_dir / "kernels.npz"
    bank.write_bytes(bank.read_bytes()[:100])
    with pytest.raises(PairError, match=r"`toy_pairs` is blurred when it is read: .*kernels\.npz"):
        read_prepared("toy_pairs", tmp_path, "train")
    bank.unlink()
    data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"`toy_pairs` is blurred when it is read: .*kernels\.npz"):
        make_batches(data, split="train", batch_size=1, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe_version": "0.9.0"}, r"must be wrfn 1\.\d\.\d or wide .* Got: wrfn 0.9.0"),
        ({"recipe_name": "gfn"}, r"must be wrfn .* Got: gfn"),
        ({"recipe": {"sides": 40}}, r"must hold the bank's name and the recipe's fields: .*sides"),
        ({"recipe": {"side": 0}}, "`side` must be at least 1. Got: 0"),
        ({"blur_on_reading": None}, "must hold the bank's name and the recipe's fields"),
    ],
)
def test_metadata_of_another_recipe_is_refused(tmp_path, write_prepared, changes, message):
    data_dir, _ = write(write_prepared, tmp_path)
    file = data_dir / "metadata.json"
    file.write_text(json.dumps(METADATA | changes), encoding="utf-8")
    with pytest.raises(PairError, match=message):
        read_prepared("toy_pairs", tmp_path, "train")
