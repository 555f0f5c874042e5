"""Single images of prepared data."""

import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeblur.data.build import tfds_images
from tfdeblur.data.build.tfds_images import TfdsError, count_images, image_id, load
from tfdeblur.images.files import ImageError, read_image, write_image

COUNTS = {"train": 7, "test": 2, "validation": 1}


@pytest.fixture(autouse=True)
def _fresh_caches():
    tfds_images._open.cache_clear()
    tfds_images._index.cache_clear()


def _prepare(data_dir, image, images, name="image", num_shards=None):
    """Write images by split as TFDS data whose builder code is nowhere."""
    tfds.dataset_builders.store_as_tfds_dataset(
        name="toy_faces",
        version="1.0.0",
        features=tfds.features.FeaturesDict({name: image, "label": np.int64}),
        split_datasets={
            split: [(str(i), {name: one, "label": i}) for i, one in enumerate(members)]
            for split, members in images.items()
        },
        config=None,
        data_dir=str(data_dir),
        disable_shuffling=True,
        download_config=tfds.download.DownloadConfig(num_shards=num_shards),
    )


def _colour(split, number):
    return np.full((5, 3, 3), [number * 20, len(split), 9], np.uint8)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("prepared")
    image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
    images = {
        split: [_colour(split, number) for number in range(count)]
        for split, count in COUNTS.items()
    }
    _prepare(data_dir, image, images)
    return data_dir


@pytest.fixture
def prepared(whole, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(whole, tmp_path / "prepared")


def _shard(data_dir, split="train"):
    (shard,) = data_dir.glob(f"toy_faces/1.0.0/*-{split}.tfrecord*")
    return shard


def test_images_are_found_by_number(whole):
    assert list(count_images("toy_faces", whole).items()) == [
        ("train", 7),
        ("validation", 1),
        ("test", 2),
    ]
    for split, count in COUNTS.items():
        for number in reversed(range(count)):
            image = load("toy_faces", str(whole), split, number)
            np.testing.assert_array_equal(image, _colour(split, number))
            assert image.dtype == np.uint8


def test_ids():
    assert image_id("celeb_a", "train", 123) == "celeb_a/train/0000123"


def test_shards_are_counted_through(tmp_path):
    """Records of several lengths in several files."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (n + 1, 2, 3), dtype=np.uint8) for n in range(8)]
    image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
    _prepare(tmp_path, image, {"train": images}, num_shards=3)
    assert len(list(tmp_path.glob("toy_faces/1.0.0/*-train.tfrecord*"))) == 3
    for number, expected in enumerate(images):
        np.testing.assert_array_equal(load("toy_faces", tmp_path, "train", number), expected)


def test_jpeg_files_are_decoded_as_those_of_folders(tmp_path):
    rng = np.random.default_rng(0)
    photo = np.kron(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8), np.ones((5, 5, 1), np.uint8))
    write_image(tmp_path / "photo.jpg", photo)
    image = tfds.features.Image(shape=(45, 35, 3), encoding_format="jpeg")
    _prepare(tmp_path, image, {"train": [str(tmp_path / "photo.jpg")]})
    loaded = load("toy_faces", tmp_path, "train", 0)
    np.testing.assert_array_equal(loaded, read_image(tmp_path / "photo.jpg"))


def test_grey_images_become_rgb(tmp_path):
    image = tfds.features.Image(shape=(4, 3, 1), encoding_format="png")
    grey = np.arange(12, dtype=np.uint8).reshape(4, 3, 1)
    _prepare(tmp_path, image, {"test": [grey]})
    expected = np.repeat(grey, 3, axis=2)
    np.testing.assert_array_equal(load("toy_faces", tmp_path, "test", 0), expected)


def test_only_the_record_asked_for_is_read(prepared):
    """All others are damaged."""
    offsets = tfds_images._record_offsets(str(_shard(prepared)))
    content = bytearray(_shard(prepared).read_bytes())
    for offset in offsets[:4] + offsets[5:]:
        content[offset + 40] ^= 1
    _shard(prepared).write_bytes(content)
    np.testing.assert_array_equal(load("toy_faces", prepared, "train", 4), _colour("train", 4))
    with pytest.raises(ImageError, match="toy_faces/train/0000003: is damaged: .*corrupted record"):
        load("toy_faces", prepared, "train", 3)


def test_truncated_and_missing_files_are_refused(prepared):
    content = _shard(prepared).read_bytes()
    _shard(prepared).write_bytes(content[:-1])
    with pytest.raises(TfdsError, match=r"tfrecord\S*: must hold 7 whole records. Got: 6"):
        load("toy_faces", prepared, "train", 0)
    _shard(prepared).unlink()
    with pytest.raises(TfdsError, match="has a file that cannot be read: .*tfrecord"):
        load("toy_faces", prepared, "train", 0)


def test_unknown_splits_and_numbers(whole):
    with pytest.raises(TfdsError, match="has the splits test, train, validation. Got: 'dev'"):
        load("toy_faces", whole, "dev", 0)
    for number in (-1, 7):
        with pytest.raises(TfdsError, match=f"the images 0 to 6 in split 'train'. Got: {number}"):
            load("toy_faces", whole, "train", number)


def test_what_is_not_prepared(tmp_path):
    for name in ("toy_faces", "mnist", "./my pairs"):
        with pytest.raises(TfdsError, match=f"`{name}` is not prepared in `{tmp_path}`"):
            count_images(name, tmp_path)


@pytest.mark.parametrize(
    ("feature", "value", "name", "message"),
    [
        (tfds.features.Image(shape=(1, 1, 3)), _colour("", 1)[:1, :1], "hr", r"\['hr', 'label'\]"),
        (tfds.features.Tensor(shape=(2,), dtype=np.uint8), np.ones(2, np.uint8), "image", "Tensor"),
        (
            tfds.features.Image(shape=(1, 1, 1), dtype=np.uint16, encoding_format="png"),
            np.ones((1, 1, 1), np.uint16),
            "image",
            "uint16",
        ),
    ],
)
def test_data_without_images(tmp_path, feature, value, name, message):
    _prepare(tmp_path, feature, {"train": [value]}, name)
    with pytest.raises(TfdsError, match=f"a feature `image` of uint8 images. Got: .*{message}"):
        count_images("toy_faces", tmp_path)


def test_other_file_formats(prepared, monkeypatch):
    builder = tfds_images._open("toy_faces", str(prepared))
    tfds_images._open.cache_clear()
    array_record = tfds.core.file_adapters.FileFormat.ARRAY_RECORD
    monkeypatch.setattr(type(builder.info), "file_format", array_record)
    with pytest.raises(TfdsError, match="prepared as tfrecord files. Got: array_record"):
        count_images("toy_faces", prepared)
