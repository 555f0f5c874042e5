import dataclasses
import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tensorflow_datasets as tfds

from tfdeblur.data.build import tfds_images
from tfdeblur.data.build.face_masks import MASK_FOLDER
from tfdeblur.data.build.photos import Photos
from tfdeblur.data.build.prepare import prepare
from tfdeblur.data.build.shards import Key, SkippedExample
from tfdeblur.data.pairs import read_prepared
from tfdeblur.degradations.kernel_bank import load_bank
from tfdeblur.images.files import write_image
from tfdeblur.images.resize import resize_bicubic, to_uint8
from tfdeblur_datasets.blurred_faces import blurred_faces_dataset_builder as faces

CONFIGS = {config.name: config for config in faces.CONFIGS}
SMALL = {  # As few kernels as possible.
    name: dataclasses.replace(config, name=f"{name}_small", kernels=min(config.kernels, 4))
    for name, config in CONFIGS.items()
}


def _portrait(number, height=330, width=340):
    """A real face, cropped and mirrored differently for each number."""
    photo = skimage.data.astronaut()[number : number + 300, 80 + number : 380 + number]
    photo = photo[:, ::-1] if number % 2 else photo
    return to_uint8(resize_bicubic(photo, (height, width)) / 255)


def _write_portraits(folder, count=5):
    for number in range(count):
        write_image(folder / f"person_{number}.png", _portrait(number))


class _OnThreePortraits:
    """TFDS' own checks: registration, tags, writing, reading, features, no pair in two splits."""

    DATASET_CLASS = faces.Builder

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        _write_portraits(Path(cls.EXAMPLE_DIR), 3)
        super().setUpClass()


class ScganFaceTest(_OnThreePortraits, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL["scgan_face"]]
    SPLITS = {"train": 6, "validation": 1, "test": 1}


class EnhanceUnetTest(_OnThreePortraits, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL["enhance_unet"]]
    SPLITS = {"train": 40, "validation": 8, "test": 8}


class WrfnTest(_OnThreePortraits, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL["wrfn"]]
    SPLITS = {"train": 1, "validation": 1, "test": 1}


class FreshScganFaceTest(_OnThreePortraits, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL["scgan_face_fresh"]]
    SPLITS = {"train": 1, "validation": 1, "test": 1}


class WideTest(_OnThreePortraits, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL["wide"]]
    SPLITS = {"train": 6, "validation": 1, "test": 1}


class TwoBranchTest(_OnThreePortraits, tfds.testing.DatasetBuilderTestCase):
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL["two_branch"]]
    SPLITS = {"train": 2, "test": 1}


@pytest.fixture
def build(tmp_path):
    """Prepare a configuration from tmp_path/portraits; return the result of `prepare`."""
    folder = tmp_path / "portraits"
    _write_portraits(folder)

    def run(name, **arguments):
        config = dataclasses.replace(SMALL[name], **arguments.pop("fields", {}))
        make_builder = functools.partial(faces.Builder, config=config, data_dir=tmp_path / "data")
        return prepare(make_builder, manual_dir=arguments.pop("folder", folder), **arguments)

    return run


@pytest.mark.parametrize("name", CONFIGS)
def test_each_record_can_be_made_again(build, tmp_path, name):
    prepared = build(name)
    config = prepared.builder.builder_config
    photos = Photos(str(tmp_path / "portraits"), "", str(tmp_path / "data"))
    counts = {"train": 3 if config.held_out[0] else 4, "validation": 1, "test": 1}
    for split in prepared.builder.info.splits:
        names = photos.divide(config.held_out, config.count).names[split]
        found = prepared.builder.as_dataset(split).as_numpy_iterator()
        records = {example["id"].decode(): example for example in found}
        rank = len(names) - 1
        number = config.pairs(split) - 1
        key = Key(names[rank], rank * config.pairs(split) + number)
        made = faces.make_example(config, photos, counts, split, key)
        record = records[made["id"]]
        assert record.keys() == made.keys()
        for feature, value in made.items():
            if isinstance(value, float):
                assert record[feature] == pytest.approx(value, rel=1e-6)
            elif isinstance(value, str):
                assert record[feature].decode() == value
            else:
                np.testing.assert_array_equal(record[feature], value)


def test_scgan_face_is_noisy_in_train_alone(build):
    builder = build("scgan_face").builder
    assert builder.info.splits["train"].num_examples == 18  # 6 of each
    noise = {
        split: [example["noise_std"] for example in builder.as_dataset(split).as_numpy_iterator()]
        for split in builder.info.splits
    }
    assert min(noise["train"]) > 0 and max(noise["test"] + noise["validation"]) == 0
    (example,) = builder.as_dataset("test").as_numpy_iterator()
    assert (example["lr"].shape, example["hr"].shape) == ((16, 16, 3), (64, 64, 3))


def test_enhance_unet_makes_the_papers_pairs(build):
    """Paper: 40 kernels for each photograph of train, 8 of one size for each of test."""
    config = CONFIGS["enhance_unet"]
    assert config.count * config.pairs_per_photo == 320_000
    assert config.held_out[1] * config.held_out_pairs == 1600
    builder = build("enhance_unet").builder
    train = list(builder.as_dataset("train").as_numpy_iterator())
    assert len(train) == 120
    sizes = [example["psf_size"] for example in train]
    assert {size: sizes.count(size) for size in set(sizes)} == {s: 15 for s in range(13, 29, 2)}
    assert len({example["kernel"] for example in train}) == 120
    test = list(builder.as_dataset("test").as_numpy_iterator())
    assert len(test) == len({example["kernel"] for example in test}) == 8
    assert len({example["psf_size"] for example in test}) == 1
    assert not {e["kernel"] for e in test} & {e["kernel"] for e in train}
    assert {(e["top"], e["left"]) for e in test} == {(34, 14)}  # The middle of 218x178 px.


def test_helen_is_a_further_test_set(build, tmp_path):
    folder = tmp_path / "both"
    _write_portraits(folder)
    for number in range(3):
        write_image(folder / "helen" / f"{number}.png", _portrait(20 + number))
    splits = build("enhance_unet", folder=folder).builder.info.splits
    counts = {name: split.num_examples for name, split in splits.items()}
    assert counts == {"train": 120, "validation": 8, "test": 8, "helen": 24}


def test_wrfn_keeps_sharp_images_and_a_bank(build, tmp_path):
    prepared = build("wrfn")
    folder = Path(prepared.builder.data_dir)
    assert [kernel.name for kernel in load_bank(folder / "kernels.npz")] == [
        f"spline/0/{number}" for number in range(4)
    ]
    (pair,) = read_prepared("blurred_faces/wrfn_small", tmp_path / "data", "test")
    assert pair.degraded.shape == pair.target.shape == (320, 320, 1)
    assert np.abs(pair.degraded.astype(int) - pair.target).mean() > 1
    assert CONFIGS["wrfn"].kernels == 10_000


def test_two_branch_masks_come_from_landmarks(build):
    prepared = build("two_branch")
    assert prepared.notes[-1] == "masks: from landmarks"
    (example,) = prepared.builder.as_dataset("test").as_numpy_iterator()
    assert example["mask_source"] == b"landmarks"
    mask = example["face_mask"][..., 0] == 255
    assert 0.1 < mask.mean() < 0.6
    outside = ~mask & (np.abs(example["hr"].astype(int) - example["hr_blurry"]).max(axis=2) == 0)
    assert outside.mean() > 0.2  # The background far from the face is static.
    assert CONFIGS["two_branch"].held_out == (0, 1200)


def _write_masks(folder, number, label, square):
    mask = np.zeros((512, 512, 3), np.uint8)
    mask[square, square] = 255
    write_image(folder / str(number // 2000) / f"{number:05d}_{label}.png", mask)


def test_two_branch_masks_come_from_celebamask_hq(build, tmp_path):
    """Image 1 has no masks: it is skipped, named and counted; the build continues."""
    folder = tmp_path / "hq"
    for number in range(4):
        write_image(folder / "CelebA-HQ-img" / f"{number}.png", _portrait(number, 300, 300))
        if number != 1:
            _write_masks(folder / MASK_FOLDER, number, "skin", slice(128, 256))
            _write_masks(folder / MASK_FOLDER, number, "hair", slice(256, 384))
    prepared = build("two_branch", folder=folder)
    assert prepared.notes[-1] == f"masks: from {MASK_FOLDER}"
    ((file, reason),) = prepared.skipped
    assert file == "CelebA-HQ-img/1.png" and reason.startswith(
        "must have a mask, its skin at least"
    )
    examples = list(prepared.builder.as_dataset("train").as_numpy_iterator())
    assert {example["mask_source"] for example in examples} == {b"celebamask_hq"}
    mask = examples[0]["face_mask"][..., 0] == 255
    expected = np.zeros((256, 256), bool)
    expected[64:128, 64:128] = expected[128:192, 128:192] = True
    np.testing.assert_array_equal(mask, expected)


def test_unfit_photographs_are_left_out_and_named(build, tmp_path):
    folder = tmp_path / "mixed"
    _write_portraits(folder)
    write_image(folder / "small.png", _portrait(9, 149, 200))
    (folder / "broken.jpg").write_bytes(b"nothing")
    (folder / "notes.doc").write_bytes(b"nothing")
    write_image(folder / "twice.png", _portrait(8))
    write_image(folder / "twice.jpg", _portrait(8))
    prepared = build("enhance_unet", folder=folder)
    reasons = dict(prepared.skipped)
    assert reasons.keys() == {"small.png", "broken.jpg", "notes.doc", "twice.png", "twice.jpg"}
    assert reasons["small.png"] == "must be at least 150x150 px. Got: 200x149."
    assert reasons["broken.jpg"].startswith("must be a picture (PNG, JPEG, ")
    assert "twice.jpg" in reasons["twice.png"]
    left = sum(split.num_examples for split in prepared.builder.info.splits.values())
    assert left > 0


def test_photographs_of_a_prepared_set(build, tmp_path):
    """As with celeb_a: its own splits, and no folder of the user's."""
    images = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(218, 178, 3))})
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny_faces",
        version="1.0.0",
        config=None,
        data_dir=str(tmp_path / "data"),
        features=images,
        split_datasets={
            split: [(str(number), {"image": _portrait(number, 218, 178)}) for number in numbers]
            for split, numbers in (("train", range(3)), ("test", range(3, 5)))
        },
        disable_shuffling=True,
    )
    config = CONFIGS["scgan_face"].variant(source="tiny_faces")
    assert config.name == "scgan_face_from_tiny_faces"
    make_builder = functools.partial(faces.Builder, config=config, data_dir=tmp_path / "data")
    prepared = prepare(make_builder)
    counts = {name: split.num_examples for name, split in prepared.builder.info.splits.items()}
    assert counts == {"train": 18, "test": 2}
    found = sorted(
        e["id"].decode() for e in prepared.builder.as_dataset("test").as_numpy_iterator()
    )
    first = tfds_images.image_id("tiny_faces", "test", 0)
    assert found == [f"{first}-00", f"{first[:-1]}1-00"]


def test_an_unreadable_photograph_says_why(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(SkippedExample, match="^a.png: must be a picture"):
        Photos(str(tmp_path)).load("a.png")
