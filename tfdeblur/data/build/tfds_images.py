"""Single images of a data set that TensorFlow Datasets has prepared, such as celeb_a.

TFRecord files can only be read from the front. An index of record offsets, built once per process
and split, finds each image by its number.
"""

import io
import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tfdeblur.images.files import ImageError

FEATURE = "image"
_LENGTH = struct.Struct("<Q")  # A record: its length, 4 bytes of checksum, itself, 4 of checksum.
_CHECKSUM = 4


class TfdsError(ValueError):
    """Prepared data cannot be a source of images; the message names the data and the rule."""


def count_images(name: str, data_dir: str | Path | None = None) -> dict[str, int]:
    """Return how many images each split of a prepared data set has.

    Args:
      name: TFDS name, with its config if it has several, such as `celeb_a`.
      data_dir: where it was prepared; None: TFDS's default.

    Returns:
      Counts by split, in the order train, validation, test, others; no split is empty.

    Raises:
      TfdsError: nothing is prepared under that name, it has no uint8 feature `image`, or its files
        are not TFRecords.
    """
    splits = _open(name, _text(data_dir)).info.splits
    known = ["train", "validation", "test"]
    order = [split for split in known if split in splits]
    order += sorted(split for split in splits if split not in known)
    counts = {split: splits[split].num_examples for split in order}
    return {split: count for split, count in counts.items() if count}


def image_id(name: str, split: str, number: int) -> str:
    """Name an image, such as "celeb_a/train/0000123"."""
    return f"{name}/{split}/{number:07d}"


def load(name: str, data_dir: str | Path | None, split: str, number: int) -> np.ndarray:
    """Read one image, as it was given to TFDS, without decoding others.

    Pillow decodes JPEGs, as it does in folders. TensorFlow's default is less exact.

    Args:
      name: as in `count_images`.
      data_dir: as in `count_images`.
      split: one of the data set's splits.
      number: from 0, in the order of the split's files.

    Returns:
      `[H, W, 3]` uint8 RGB.

    Raises:
      TfdsError: as in `count_images`, or there is no such split or number, or a file is truncated.
      tfdeblur.images.files.ImageError: this record is damaged.
    """
    files, file_numbers, offsets = _index(name, _text(data_dir), split)
    if not 0 <= number < len(offsets):
        raise TfdsError(
            f"`{name}` has the images 0 to {len(offsets) - 1} in split {split!r}. Got: {number}."
        )
    file, offset = files[file_numbers[number]], int(offsets[number])
    features = _open(name, _text(data_dir)).info.features
    image_only = tfds.features.FeaturesDict({FEATURE: features[FEATURE]})
    try:
        example = image_only.deserialize_example_np(
            _read_record(file, offset), decoders={FEATURE: tfds.decode.SkipDecoding()}
        )
        with Image.open(io.BytesIO(example[FEATURE]), formats=("PNG", "JPEG")) as image:
            return np.asarray(image.convert("RGB"))
    except (tf.errors.OpError, OSError, SyntaxError, ValueError) as error:
        fact = str(error).partition("\n")[0]
        raise ImageError(f"{image_id(name, split, number)}: is damaged: {fact}") from error


def _text(data_dir: str | Path | None) -> str | None:
    return None if data_dir is None else str(data_dir)


@lru_cache(maxsize=8)
def _open(name: str, data_dir: str | None):
    """Return the builder of prepared data."""
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:  # ValueError: not a valid name
        raise TfdsError(_not_prepared(name, data_dir)) from error
    if not builder.is_prepared():
        raise TfdsError(_not_prepared(name, data_dir))
    found = dict(builder.info.features or {})
    feature = found.get(FEATURE)
    if not isinstance(feature, tfds.features.Image) or feature.np_dtype != np.uint8:
        got = feature or sorted(found)
        raise TfdsError(f"`{name}` must have a feature `image` of uint8 images. Got: {got}.")
    file_format = builder.info.file_format.value
    if file_format != "tfrecord":
        raise TfdsError(f"`{name}` must be prepared as tfrecord files. Got: {file_format}.")
    return builder


def _not_prepared(name: str, data_dir: str | None) -> str:
    place = "the default data_dir of TFDS" if data_dir is None else f"`{data_dir}`"
    return f"`{name}` is not prepared in {place}; TensorFlow Datasets prepares it."


@lru_cache(maxsize=8)
def _index(name: str, data_dir: str | None, split: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the split's files, and each image's file number and offset in that file."""
    splits = _open(name, data_dir).info.splits
    if split not in splits:
        raise TfdsError(f"`{name}` has the splits {', '.join(sorted(splits))}. Got: {split!r}.")
    files = [str(path) for path in splits[split].filepaths]
    try:
        offsets = [_record_offsets(file) for file in files]
    except tf.errors.OpError as error:
        raise TfdsError(f"`{name}` has a file that cannot be read: {error.message}") from error
    for file, found, expected in zip(files, offsets, splits[split].shard_lengths, strict=True):
        if len(found) != expected:
            raise TfdsError(f"{file}: must hold {expected} whole records. Got: {len(found)}.")
    file_numbers = np.repeat(np.arange(len(files)), [len(found) for found in offsets])
    return files, file_numbers, np.array([start for found in offsets for start in found], np.int64)


def _record_offsets(file: str) -> list[int]:
    """Return the offsets of a TFRecord file's complete records."""
    offsets = []
    with tf.io.gfile.GFile(file, "rb") as records:
        size = records.size()
        start = 0
        while start + _LENGTH.size <= size:
            records.seek(start)
            (length,) = _LENGTH.unpack(records.read(_LENGTH.size))
            end = start + _LENGTH.size + _CHECKSUM + length + _CHECKSUM
            if end > size:
                break
            offsets.append(start)
            start = end
    return offsets


def _read_record(file: str, offset: int) -> bytes:
    """Read the record at an offset; TensorFlow verifies both checksums."""
    reader = tf.raw_ops.TFRecordDatasetV2(
        filenames=[file], compression_type="", buffer_size=1 << 16, byte_offsets=[offset]
    )
    records = tf.data.experimental.from_variant(reader, tf.TensorSpec([], tf.string))
    return records.take(1).get_single_element().numpy()
