"""Training pairs from prepared data: read, decode, cut, blur if needed, flip and turn."""

import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfdeblur.data.augmentation import crop_pair, draw_corner, fold_seed, turn_pair
from tfdeblur.data.blur_on_reading import BlurOnReading
from tfdeblur.data.config import DataConfig
from tfdeblur.data.pairs import PreparedPairs, read_prepared
from tfdeblur.data.python_calls import python_images
from tfdeblur.data.records import ShuffledRecords
from tfdeblur.data.stream import Stream

_ENDLESS = np.iinfo(np.int64).max
_ORDER, _CROP, _TURN = range(3)  # The purposes of draws.


def prepared_pairs(data: DataConfig, stream: Stream) -> tf.data.Dataset:
    """Read an endless stream of pairs from `stream.start_step` on.

    Each epoch has a new order and as many whole batches as the data fills.

    Args:
      data: only its fields for prepared data are used.
      stream: the part to read.

    Returns:
      Pairs as dicts of uint8 `[H, W, C]`: `degraded`, `target` and the data's extras; also `id` if
      `stream.ids`.

    Raises:
      ValueError: the data is missing, does not fit `data`, or has fewer pairs than a batch.
    """
    split, batch_size, seed = stream.split, stream.batch_size, stream.seed
    pairs = read_prepared(data.name, data.data_dir or None, split)
    decoder = PairDecoder(pairs, data, seed)
    records = ShuffledRecords(pairs.info.splits[split].file_instructions, data.shuffle_buffer)
    steps_per_epoch = records.count // batch_size
    if steps_per_epoch == 0:
        raise ValueError(
            f"`{data.name}` must have at least one batch of {batch_size} pairs in {split!r}. "
            f"Got: {records.count} pairs."
        )
    first_epoch, passed = divmod(stream.start_step, steps_per_epoch)

    def chunks(epoch: tf.Tensor) -> tf.data.Dataset:
        first = tf.where(epoch == first_epoch, tf.constant(passed * batch_size, tf.int64), 0)
        end = tf.constant(steps_per_epoch * batch_size, tf.int64)
        return records.chunks(fold_seed((seed, _ORDER), epoch), first, end)

    encoded = tf.data.Dataset.range(first_epoch, _ENDLESS).flat_map(chunks)
    encoded = encoded.prefetch(1).unbatch().enumerate(stream.start_step * batch_size)
    decode = functools.partial(decoder.decode, with_id=stream.ids)
    return encoded.filter(stream.wanted).map(
        decode, num_parallel_calls=data.threads or tf.data.AUTOTUNE, deterministic=True
    )


class PairDecoder:
    """Makes a training pair from a record, as a pure function of (record, seed, position).

    Raises:
      ValueError: the data's files or sizes do not fit `data`.
    """

    def __init__(self, pairs: PreparedPairs, data: DataConfig, seed: int):
        import tensorflow_datasets as tfds

        info, layout = pairs.info, pairs.layout
        if info.file_format != tfds.core.FileFormat.TFRECORD:
            raise ValueError(
                f"`{data.name}` must be prepared as TFRecords. Got: {info.file_format}."
            )
        self._data = data
        self._seed = seed
        self._blur = pairs.blur
        self._scale = layout.scale or _scale_of(pairs)
        self._factors = {"target": self._scale, **layout.extras}
        self._sources = {"target": layout.target, **{name: name for name in layout.extras}}
        if layout.degraded is not None:
            self._factors["degraded"] = 1
            self._sources["degraded"] = layout.degraded
        used = {"id", *self._sources.values()}
        self._features = tfds.features.FeaturesDict({name: info.features[name] for name in used})
        self._shapes = {key: info.features[name].shape for key, name in self._sources.items()}
        self._varying = any(None in shape for shape in self._shapes.values())
        self._check_shapes()

    def decode(
        self, position: tf.Tensor, record: tf.Tensor, with_id: bool = False
    ) -> dict[str, tf.Tensor]:
        """Decode record `position` of the stream; see `prepared_pairs`."""
        example = self._features.deserialize_example(record)
        images = {key: example[name] for key, name in self._sources.items()}
        if self._varying:
            with tf.control_dependencies(self._assertions(example["id"], images)):
                images = {key: tf.identity(image) for key, image in images.items()}
        crop_seed = fold_seed((self._seed, _CROP), position)
        side = self._data.crop_size // self._scale
        if self._blur is not None:
            images = self._blurred(self._blur, images["target"], position, crop_seed)
        elif side:
            images = crop_pair(images, self._factors, side, crop_seed)
        flip, rotate = self._data.augment_flip, self._data.augment_rotate
        if flip or rotate:
            turn_seed = fold_seed((self._seed, _TURN), position)
            images = turn_pair(images, turn_seed, flip=flip, rotate=rotate)
        return {**images, "id": example["id"]} if with_id else images

    def _blurred(
        self, blur: BlurOnReading, sharp: tf.Tensor, position: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Cut a square from a sharp image and blur it; its surroundings blur into it."""
        side = self._data.crop_size
        corner = draw_corner(sharp, side, seed) if side else ()

        def make(sharp: np.ndarray, position: np.ndarray, *corner: np.ndarray):
            window = (int(corner[0]), int(corner[1]), side) if side else None
            pair = blur.train_pair(sharp, self._seed, str(int(position)), window)
            return pair.degraded, pair.target

        shapes = blur.shapes(tuple(sharp.shape), side)
        degraded, target = python_images(make, [sharp, position, *corner], shapes)
        return {"degraded": degraded, "target": target}

    def _check_shapes(self) -> None:
        """Check the image sizes that the features state."""
        data, scale, crop_size = self._data, self._scale, self._data.crop_size
        got = ", ".join(f"{key} {shape}" for key, shape in sorted(self._shapes.items()))
        height, width = self._shapes["target"][:2]
        if self._varying and not crop_size:
            raise ValueError(
                f"`{data.name}` must hold images of one size, or be cropped (`data.crop_size`). "
                f"Got: {got}."
            )
        if not self._varying and any(
            (shape[0] * scale, shape[1] * scale) != (height * factor, width * factor)
            for shape, factor in ((self._shapes[key], self._factors[key]) for key in self._shapes)
        ):
            raise ValueError(f"`{data.name}` must hold images {self._rule()}. Got: {got}.")
        most = "" if self._varying else f", at most {min(height, width)}"
        if crop_size % scale or (most and crop_size > min(height, width)):
            raise ValueError(
                f"`data.crop_size` must be a multiple of {scale}{most}. Got: {crop_size}."
            )
        if data.augment_rotate and not crop_size and height != width:
            raise ValueError(
                "`data.augment_rotate` must be off, or images square or cropped "
                f"(`data.crop_size`). Got: {got}."
            )

    def _assertions(self, name: tf.Tensor, images: Mapping[str, tf.Tensor]) -> list[tf.Operation]:
        """Check the sizes of one pair, for data whose images differ in size."""
        sizes = {key: tf.shape(image)[:2] for key, image in images.items()}
        degraded = sizes["target"] // self._scale
        fit = [size == self._factors[key] * degraded for key, size in sizes.items()]
        crop = f"{self._data.crop_size}x{self._data.crop_size}"
        who = f"`{self._data.name}`: pair"
        return [
            tf.debugging.Assert(tf.reduce_all(holds), [who, name, rule, *got], summarize=3)
            for holds, rule, got in (
                (
                    fit,
                    f"must have images {self._rule()}. Got:",
                    [sizes[key] for key in sorted(sizes)],
                ),
                (
                    sizes["target"] >= self._data.crop_size,
                    f"must be at least {crop} px, `data.crop_size`. Got:",
                    [sizes["target"]],
                ),
            )
        ]

    def _rule(self) -> str:
        factors = ", ".join(f"{key} {factor}" for key, factor in sorted(self._factors.items()))
        return f"whose sides are multiples of those of the degraded image ({factors})"


def _scale_of(pairs: PreparedPairs) -> int:
    """Return the scale of the first pair, for data that does not state a scale."""
    first = next(iter(pairs))
    return max(1, first.target.shape[0] // first.degraded.shape[0])
