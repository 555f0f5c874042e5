"""Batches for training: pairs made on the fly by a recipe, or read from prepared TFRecords.

Batch k is a pure function of (configuration, split, batch size, seed, k): neither threads nor an
interruption change it, and `tf.random.set_seed` does not enter. Prepared data is read by TensorFlow
Datasets without its builder's code.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfdeblur.data.pairs import ImagePair, PairError, read_prepared
from tfdeblur.degradations.page_sources import SPLITS
from tfdeblur.degradations.recipes import PAGES_ALIVE, TextRecipe
from tfdeblur.images.tensors import to_float
from tfdeblur.models.base import Batch

SOURCES = ("recipe", "prepared")
_ENDLESS = np.iinfo(np.int64).max
_PYTHON_CALLS = 2  # Rendering mostly holds Python's lock: more threads only wait for it.


@dataclass
class DataConfig:
    """Where pairs come from.

    Attributes:
      source: `recipe` (made on the fly, endless and never the same pair twice) or `prepared`
        (written by `tfdeblur data build`).
      patch_size, patches_per_page, domain, noise_max, noise_stage: fields of `TextRecipe`; recipe
        only.
      noise_on_held_out: whether validation and test pairs are noisy too. The papers name no noise
        for their test sets. Recipe only.
      name: TFDS name and config such as `blurred_text/x4`; prepared only, as all below.
      data_dir: where it was prepared; empty: TFDS's default.
      crop_size: side of a random square crop of the target in pixels, a multiple of the scale; 0
        takes whole images, which must then be of one size.
      shuffle_buffer: how many encoded pairs are shuffled at once, besides the files' order.
    """

    source: str = "recipe"
    patch_size: int = 64
    patches_per_page: int = 16
    domain: str = "print"
    noise_max: float = 7 / 255
    noise_stage: str = "hr"
    noise_on_held_out: bool = False
    name: str = "blurred_text/x4"
    data_dir: str = ""
    crop_size: int = 0
    shuffle_buffer: int = 8192

    def validate(self) -> None:
        """Raise ValueError for the first field that is out of its range."""
        if self.source not in SOURCES:
            raise ValueError(f"`data.source` must be one of {SOURCES}. Got: {self.source!r}.")
        if self.source == "prepared" and not self.name:
            raise ValueError("`data.name` must name prepared data. Got: ''.")
        if self.crop_size < 0:
            raise ValueError(f"`data.crop_size` must be at least 0. Got: {self.crop_size}.")
        if self.source == "recipe" and self.crop_size:
            raise ValueError(
                "`data.crop_size` is for prepared data; a recipe's size is `data.patch_size`. "
                f"Got: {self.crop_size}."
            )
        if self.shuffle_buffer < 1:
            raise ValueError(
                f"`data.shuffle_buffer` must be at least 1. Got: {self.shuffle_buffer}."
            )
        self.recipe("train")

    def recipe(self, split: str) -> TextRecipe:
        """Build the recipe of one split. Raises ValueError for a field out of its range."""
        noisy = split == "train" or self.noise_on_held_out
        return TextRecipe(
            patch_size=self.patch_size,
            patches_per_page=self.patches_per_page,
            noise_max=self.noise_max if noisy else 0.0,
            noise_stage=self.noise_stage,
            domain=self.domain,
        )


def make_batches(
    data: DataConfig,
    *,
    split: str,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    steps: int | None = None,
) -> tf.data.Dataset:
    """Make the batches from number `start_step` on.

    Starting at k yields batch k, k + 1, … of the stream that starts at 0, without making, decoding
    or cropping the pairs before it.

    Args:
      data: the source.
      split: `train`, `validation` or `test`; of prepared data any TFDS split, `train[:90%]` too.
      batch_size: pairs in a batch.
      seed: of every draw, at least 0.
      start_step: number of the first batch.
      steps: how many batches to yield; None: endless. Prepared data is shuffled anew in each epoch;
        the pairs that do not fill the last batch of an epoch are left out of that epoch.

    Returns:
      `Batch`es.

    Raises:
      ValueError: an argument or a field is out of its range, prepared data is not there, or has
        fewer pairs than a batch.
    """
    data.validate()
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
        ("start_step", start_step, 0),
        ("steps", 0 if steps is None else steps, 0),
    ):
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}. Got: {value}.")
    make = _recipe_pairs if data.source == "recipe" else _prepared_pairs
    pairs = make(data, split, batch_size, seed, start_step)
    batches = pairs.batch(batch_size, drop_remainder=True)
    if steps is not None:
        batches = batches.take(steps)
    return batches.map(_to_batch).prefetch(2)


def make_validation(data: DataConfig, split: str, count: int, seed: int) -> list[ImagePair]:
    """Make or read whole pairs to validate on, always the same ones.

    Args:
      data: the source.
      split: as in `make_batches`, without a slice.
      count: how many. A recipe cuts each from a page of its own; of prepared data the first ones.
      seed: of a recipe's draws.

    Returns:
      `count` pairs `(id, degraded, target)` of uint8 images.

    Raises:
      ValueError: a field is out of its range, or prepared data is not there or has too few pairs.
    """
    data.validate()
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Got: {count}.")
    if data.source == "prepared":
        try:
            pairs = read_prepared(data.name, data.data_dir or None, split)
        except PairError as error:
            raise ValueError(str(error)) from error
        if len(pairs) < count:
            raise ValueError(
                f"`{data.name}` must have at least {count} pairs in {split!r}. Got: {len(pairs)}."
            )
        return list(itertools.islice(pairs, count))
    recipe = data.recipe(split)
    made = ((index, recipe.pair(seed, index, split)) for index in _one_per_page(recipe, count))
    return [ImagePair(f"{split}-{index:07d}", pair.lr, pair.hr) for index, pair in made]


def _one_per_page(recipe: TextRecipe, count: int) -> range:
    return range(0, count * recipe.patches_per_page, recipe.patches_per_page)


def _to_batch(degraded: tf.Tensor, target: tf.Tensor) -> Batch:
    return {"degraded": to_float(degraded), "target": to_float(target)}


def _recipe_pairs(
    data: DataConfig, split: str, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Got: {split!r}.")
    recipe = data.recipe(split)
    side, small = recipe.patch_size, recipe.patch_size // recipe.scale

    def make(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pair = recipe.pair(seed, page_interleaved(int(position), recipe.patches_per_page), split)
        return pair.lr, pair.hr

    def call(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        lr, hr = tf.numpy_function(make, [position], [tf.uint8, tf.uint8], stateful=False)
        return tf.ensure_shape(lr, (small, small, 3)), tf.ensure_shape(hr, (side, side, 3))

    positions = tf.data.Dataset.range(start_step * batch_size, _ENDLESS)
    return positions.map(call, num_parallel_calls=_PYTHON_CALLS, deterministic=True)


def page_interleaved(position: int, patches_per_page: int) -> int:
    """Return which pair stands at a position of a recipe's endless stream.

    Consecutive positions alternate between `PAGES_ALIVE` pages, so that a batch mixes pages; each
    page is used up before it is dropped, and one page at a time is new, so that the cost is even.

    Args:
      position: number of the pair in the stream, counted from 0.
      patches_per_page: how many consecutive pair numbers share a page.

    Returns:
      The pair's number in its recipe: never the same for two positions.
    """
    turn, column = divmod(position, PAGES_ALIVE)
    # Columns start at different patches of their first page: they change pages at different times.
    round_, patch = divmod(turn + column * patches_per_page // PAGES_ALIVE, patches_per_page)
    page = round_ * PAGES_ALIVE + column
    return page * patches_per_page + patch


def _prepared_pairs(
    data: DataConfig, split: str, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    records = _PreparedRecords(data, split)
    steps_per_epoch = records.count // batch_size
    if steps_per_epoch == 0:
        raise ValueError(
            f"`{data.name}` must have at least one batch of {batch_size} pairs in {split!r}. "
            f"Got: {records.count} pairs."
        )
    first_epoch, passed = divmod(start_step, steps_per_epoch)

    def shuffled(epoch: tf.Tensor) -> tf.data.Dataset:
        return records.shuffled(_fold((seed, 0), epoch)).take(steps_per_epoch * batch_size)

    def decode(position: tf.Tensor, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        degraded, target = records.decode(record)
        if data.crop_size:
            crop_seed = _fold((seed, 1), position)
            return crop_pair(degraded, target, records.scale, data.crop_size, crop_seed)
        return degraded, target

    stream = tf.data.Dataset.range(first_epoch, _ENDLESS).flat_map(shuffled)
    stream = stream.skip(passed * batch_size).enumerate(start_step * batch_size)
    return stream.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


class _PreparedRecords:
    """The encoded pairs of one split of prepared data, and how to decode one.

    Attributes:
      count: number of pairs.
      scale: ratio of target to degraded sides.
      decode: record -> (degraded, target), uint8.
    """

    decode: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

    def __init__(self, data: DataConfig, split: str):
        try:
            pairs = read_prepared(data.name, data.data_dir or None, split)
        except PairError as error:
            raise ValueError(str(error)) from error
        self.count = len(pairs)
        self.buffer = data.shuffle_buffer
        import tensorflow_datasets as tfds

        builder = tfds.builder(data.name, data_dir=data.data_dir or None)
        if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
            raise ValueError(
                f"`{data.name}` must be prepared as TFRecords. Got: {builder.info.file_format}."
            )
        names = ("lr", "hr") if "lr" in builder.info.features else ("blurry", "sharp")
        features = tfds.features.FeaturesDict({key: builder.info.features[key] for key in names})

        def decode(record):
            example = features.deserialize_example(record)
            return example[names[0]], example[names[1]]

        self.decode = decode
        self.scale = _scale(data, *(features[key].shape for key in names))
        files = builder.info.splits[split].file_instructions
        self.paths = [file.filename for file in files]
        self.skips = [file.skip for file in files]
        self.takes = [file.take for file in files]

    def shuffled(self, seed: tf.Tensor) -> tf.data.Dataset:
        """Yield each record once: the files in a drawn order, then chunks of records shuffled."""
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(self.paths)), _fold(seed, 0), alg="philox"
        )

        def read(file):
            path, skip, take = (
                tf.gather(tf.constant(values), file)
                for values in (self.paths, self.skips, self.takes)
            )
            records = tf.data.TFRecordDataset(path)
            return records.skip(tf.cast(skip, tf.int64)).take(tf.cast(take, tf.int64))

        def shuffle(number, chunk):
            return tf.random.experimental.stateless_shuffle(
                chunk, _fold(seed, number + 1), alg="philox"
            )

        records = tf.data.Dataset.from_tensor_slices(order).flat_map(read)
        return records.batch(self.buffer).enumerate().map(shuffle).unbatch()


def _fold(seed, number: tf.Tensor | int) -> tf.Tensor:
    """Derive a seed for `tf.random.stateless_*`: independent of that of every other number."""
    seed = tf.cast(seed, tf.int64)
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64), alg="philox")


def _scale(data: DataConfig, degraded: tuple, target: tuple) -> int:
    """Return the scale of prepared images, from the static shapes of their features."""
    if None in (*degraded, *target):
        raise ValueError(
            f"`{data.name}` must hold images of one size. Got: {degraded} and {target}."
        )
    scale = target[0] // degraded[0]
    if target[:2] != (scale * degraded[0], scale * degraded[1]):
        raise ValueError(
            f"`{data.name}` must have targets of a multiple of the size of its degraded images. "
            f"Got: {degraded} and {target}."
        )
    if data.crop_size % scale or data.crop_size > min(target[:2]):
        raise ValueError(
            f"`data.crop_size` must be a multiple of {scale}, at most {min(target[:2])}. "
            f"Got: {data.crop_size}."
        )
    return scale


def crop_pair(
    degraded: tf.Tensor, target: tf.Tensor, scale: int, crop_size: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cut the same random square from both images, aligned to the degraded image's pixels.

    Args:
      degraded: `[h, w, C]`.
      target: `[scale * h, scale * w, C]`.
      scale: integer ratio of their sides.
      crop_size: side in pixels of the target, a multiple of `scale`.
      seed: `[2]`, of `tf.random.stateless_uniform`.
    """
    side = crop_size // scale
    last = tf.shape(degraded)[:2] - side
    top, left = (
        tf.random.stateless_uniform(
            [], _fold(seed, axis), 0, last[axis] + 1, tf.int32, alg="philox"
        )
        for axis in (0, 1)
    )
    lr = degraded[top : top + side, left : left + side]
    hr = target[scale * top : scale * top + crop_size, scale * left : scale * left + crop_size]
    return tf.ensure_shape(lr, (side, side, 3)), tf.ensure_shape(hr, (crop_size, crop_size, 3))
