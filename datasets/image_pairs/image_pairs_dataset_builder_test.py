import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeblur.data.build.prepare import prepare
from tfdeblur.images.decoding import READABLE
from tfdeblur.images.files import write_image
from tfdeblur_datasets.image_pairs import image_pairs_dataset_builder as image_pairs


def _image(number, height, width):
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _write_pairs(folder, count, scale=4, height=61, width=70, names=("lr", "hr")):
    for number in range(count):
        write_image(folder / names[0] / f"{number}.png", _image(number, height, width))
        target = _image(100 + number, scale * height, scale * width)
        write_image(folder / names[1] / f"{number}.png", target)


class ImagePairsTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own checks: registration, tags, writing, reading, features, no pair in two splits."""

    DATASET_CLASS = image_pairs.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["x4", "x4_patches"]
    SPLITS = {"train": 2, "validation": 1, "test": 1}

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        _write_pairs(Path(cls.EXAMPLE_DIR), 4)
        super().setUpClass()


@pytest.fixture
def build(tmp_path):
    """Prepare a configuration of the pairs in tmp_path/mine; return the result of `prepare`."""

    def run(name):
        make_builder = functools.partial(
            image_pairs.Builder, config=name, data_dir=tmp_path / "data"
        )
        return prepare(make_builder, manual_dir=tmp_path / "mine")

    return run


def _examples(prepared, *splits):
    found = {}
    for split in splits or prepared.builder.info.splits:
        for example in prepared.builder.as_dataset(split).as_numpy_iterator():
            found[example["id"].decode()] = example
    return found


def test_whole_pairs_keep_their_pixels(build, tmp_path):
    _write_pairs(tmp_path / "mine", 3)
    examples = _examples(build("x4"))
    assert sorted(examples) == ["lr/0", "lr/1", "lr/2"]
    np.testing.assert_array_equal(examples["lr/1"]["lr"], _image(1, 61, 70))
    np.testing.assert_array_equal(examples["lr/1"]["hr"], _image(101, 244, 280))


def test_patches_are_cut_alike(build, tmp_path):
    """432x440 px hold 2x2 patches of 240 px on a grid of 192 px."""
    _write_pairs(tmp_path / "mine", 3, height=108, width=110)
    prepared = build("x4_patches")
    examples = _examples(prepared)
    assert len(examples) == 12
    example = examples["lr/2-00192-00000"]
    np.testing.assert_array_equal(example["lr"], _image(2, 108, 110)[48:108, :60])
    np.testing.assert_array_equal(example["hr"], _image(102, 432, 440)[192:432, :240])
    assert prepared.builder.info.features["hr"].shape == (240, 240, 3)


def test_a_divided_folder_stays_divided(build, tmp_path):
    for split, count in (("train", 2), ("test", 1)):
        _write_pairs(tmp_path / "mine" / split, count, 1, names=("blurry", "sharp"))
    prepared = build("x1")
    assert sorted(_examples(prepared, "train")) == ["train/blurry/0", "train/blurry/1"]
    assert sorted(_examples(prepared, "test")) == ["test/blurry/0"]
    assert set(prepared.builder.info.features) == {"id", "blurry", "sharp"}


def test_what_does_not_fit_is_left_out_and_named(build, tmp_path):
    folder = tmp_path / "mine"
    _write_pairs(folder, 5)
    (folder / "hr" / "0.png").unlink()
    write_image(folder / "hr" / "1.png", _image(0, 244, 281))
    (folder / "lr" / "broken.png").write_bytes(b"nothing")
    write_image(folder / "hr" / "broken.png", _image(0, 244, 280))
    write_image(folder / "lr" / "tiny.png", _image(0, 59, 60))
    write_image(folder / "hr" / "tiny.png", _image(0, 236, 240))
    assert dict(build("x4_patches").skipped) == {
        "lr/0.png": "must have a partner of the same name in hr/. There is none.",
        "lr/1.png": "its target must be 280x244 px at scale 4. Got: 281x244.",
        "lr/broken.png": f"must be a picture ({READABLE}). Its first bytes are b'nothing'.",
        "lr/tiny.png": "its target must be at least 240x240 px. Got: 240x236.",
    }


@pytest.mark.parametrize(
    ("names", "config", "message"),
    [
        (("blurry", "sharp"), "x4", "must hold lr/ and hr/ for this scale. Got: blurry/ and sharp"),
        (("lr", "hr"), "x1", "must hold blurry/ and sharp/ for this scale. Got: lr/ and hr/."),
        (("a", "b"), "x4", "must hold either lr/ and hr/ or blurry/ and sharp/"),
    ],
)
def test_other_folders_are_refused(build, tmp_path, names, config, message):
    _write_pairs(tmp_path / "mine", 1, names=names)
    with pytest.raises(ValueError, match=message):
        build(config)


def test_empty_folders_are_refused(build, tmp_path):
    for name in ("lr", "hr"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    with pytest.raises(ValueError, match="must hold pairs of images in lr/ and hr/. Got: none."):
        build("x4")
