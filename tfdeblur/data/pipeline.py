"""Training batches: pairs made on the fly by a recipe, or read from prepared TFRecords.

Batch k is a pure function of (configuration, split, batch size, seed, k): threads, interruptions
and `tf.random.set_seed` do not change it. TensorFlow Datasets reads prepared data without its
builder's code.
"""

import functools
import itertools
from typing import cast

import numpy as np
import tensorflow as tf

from tfdeblur.data.config import DataConfig
from tfdeblur.data.pairs import ImagePair, read_prepared
from tfdeblur.data.python_calls import python_images
from tfdeblur.data.reading import prepared_pairs
from tfdeblur.data.stream import Stream
from tfdeblur.degradations.page_sources import SPLITS
from tfdeblur.degradations.recipes import PAGES_ALIVE, GeneratedRecipe, TextRecipe
from tfdeblur.images.tensors import Batch, to_float

_ENDLESS = np.iinfo(np.int64).max
_PYTHON_CALLS = 2  # Rendering mostly holds Python's lock; more threads would only wait.


def make_batches(
    data: DataConfig,
    *,
    split: str,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    steps: int | None = None,
    sub_batches: int = 1,
    replicas: int = 1,
    worker: int = 0,
    workers: int = 1,
    ids: bool = False,
) -> tf.data.Dataset:
    """Make the batches from `start_step` on.

    Starting at k yields batches k, k + 1, … of the stream that starts at 0, without making,
    decoding or cropping earlier pairs.

    Args:
      data: the source.
      split: `train`, `validation` or `test`; for prepared data, any TFDS split, also `train[:90%]`.
      batch_size: pairs in a batch, a multiple of its classes, sub-batches and replicas.
      seed: of every draw, at least 0.
      start_step: number of the first batch.
      steps: how many batches to yield; None: endless. Prepared data is reshuffled each epoch; the
        pairs that do not fill an epoch's last batch are left out of that epoch.
      sub_batches: number of equal batches that a step cuts a batch into, one for each update of the
        discriminators.
      replicas: number that share each sub-batch.
      worker: number of the process, of `workers`, whose part of each batch to make: its replicas'
        shares. The other processes' pairs are neither decoded nor drawn.
      workers: number of processes, which share the replicas evenly.
      ids: whether batches also have `id`, the pairs' names: string `[B]`.

    Returns:
      `Batch`es. Cut into consecutive equal parts, they give each replica its share of every
      sub-batch; each share has equally many pairs of every class, class by class. The pairs of a
      sub-batch do not depend on the number of replicas.

    Raises:
      ValueError: an argument or a field is out of its range, or prepared data is missing or has
        fewer pairs than a batch.
    """
    data.validate()
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
        ("start_step", start_step, 0),
        ("steps", 0 if steps is None else steps, 0),
        ("sub_batches", sub_batches, 1),
        ("replicas", replicas, 1),
        ("worker", worker, 0),
        ("workers", workers, 1),
    ):
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}. Got: {value}.")
    make = _recipe_pairs if data.source == "recipe" else prepared_pairs
    classes = data.classes()
    parts_of_it = len(classes) * sub_batches * replicas
    if batch_size % parts_of_it:
        raise ValueError(
            f"`batch_size` must be a multiple of {parts_of_it}, the classes of pairs ("
            f"{len(classes)}) times sub-batches ({sub_batches}) times replicas ({replicas}). "
            f"Got: {batch_size}."
        )
    if replicas % workers or worker >= workers:
        raise ValueError(
            f"`workers` must divide the {replicas} replicas, and `worker` be below it. "
            f"Got: {workers} workers, worker {worker}."
        )
    share = batch_size // len(classes)
    mine = np.arange(share).reshape(sub_batches, workers, -1)[:, worker].ravel()
    stream = Stream(split, share, seed, start_step, mine, ids)
    parts = [make(part, stream).batch(len(mine), drop_remainder=True) for part in classes]
    order = batch_order(batch_size // workers, len(classes), sub_batches, replicas // workers)
    batches = tf.data.Dataset.zip(tuple(parts)).map(functools.partial(_joined, order))
    if steps is not None:
        batches = batches.take(steps)
    if data.threads:
        options = tf.data.Options()
        options.threading.private_threadpool_size = data.threads
        batches = batches.with_options(options)
    return batches.map(_to_batch).prefetch(2)


def make_validation(data: DataConfig, split: str, count: int, seed: int) -> list[ImagePair]:
    """Make or read whole validation pairs, always the same ones.

    Args:
      data: the source.
      split: as in `make_batches`.
      count: number of pairs. A recipe cuts each from its own page; prepared data gives the first.
      seed: of a recipe's draws.

    Returns:
      `count` pairs `(id, degraded, target)` of uint8 images, RGB even if the data is grey.

    Raises:
      ValueError: a field is out of its range, or prepared data is missing or has too few pairs.
    """
    data.validate()
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Got: {count}.")
    classes = data.classes()
    if len(classes) > 1:
        return _validation_of_classes(classes, split, count, seed)
    if data.source == "prepared":
        pairs = read_prepared(data.name, data.data_dir or None, split)
        if len(pairs) < count:
            raise ValueError(
                f"`{data.name}` must have at least {count} pairs in {split!r}. Got: {len(pairs)}."
            )
        return [pair.as_rgb() for pair in itertools.islice(pairs, count)]
    recipe = data.build_recipe(split)
    made = ((index, recipe.pair(seed, index, split)) for index in _one_per_page(recipe, count))
    return [
        ImagePair(_recipe_id(split, index), pair.degraded, pair.target).as_rgb()
        for index, pair in made
    ]


def _validation_of_classes(
    classes: list[DataConfig], split: str, count: int, seed: int
) -> list[ImagePair]:
    """Take pairs from the classes in turn."""
    share = -(-count // len(classes))
    parts = [make_validation(part, split, share, seed) for part in classes]
    return [pair for members in zip(*parts, strict=True) for pair in members][:count]


def _one_per_page(recipe: TextRecipe | GeneratedRecipe, count: int) -> range:
    return range(0, count * recipe.patches_per_page, recipe.patches_per_page)


def batch_order(batch_size: int, classes: int, sub_batches: int, replicas: int) -> np.ndarray:
    """Return the pair, counted class by class, at each place of a batch.

    Places are counted by replica, then by sub-batch, class and pair.
    """
    pairs = np.arange(batch_size).reshape(classes, sub_batches, replicas, -1)
    return pairs.transpose(2, 1, 0, 3).ravel()


def _joined(order: np.ndarray, *parts: dict[str, tf.Tensor]) -> Batch:
    """Join a batch's classes in `order`, and number them if there are several."""
    joined = {name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]}
    if (order[1:] < order[:-1]).any():
        joined = {name: tf.gather(value, order) for name, value in joined.items()}
    if len(parts) > 1:
        joined["class_index"] = tf.constant(order // (len(order) // len(parts)), tf.int32)
    return cast(Batch, joined)


def _to_batch(images: Batch) -> Batch:
    batch = {
        name: value if name in ("class_index", "id") else to_float(value)
        for name, value in images.items()
    }
    return cast(Batch, batch)


def _recipe_pairs(data: DataConfig, stream: Stream) -> tf.data.Dataset:
    if stream.split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Got: {stream.split!r}.")
    recipe = data.build_recipe(stream.split)
    shapes = recipe.shapes

    def number(position: np.ndarray) -> int:
        return page_interleaved(int(position), recipe.patches_per_page)

    def make(position: np.ndarray) -> list[np.ndarray]:
        pair = recipe.pair(stream.seed, number(position), stream.split)
        images = {"degraded": pair.degraded, "target": pair.target, **pair.extras}
        return [images[name] for name in shapes]

    def call(position: tf.Tensor) -> dict[str, tf.Tensor]:
        images = python_images(make, [position], list(shapes.values()))
        pair = dict(zip(shapes, images, strict=True))
        if stream.ids:
            pair["id"] = tf.numpy_function(
                lambda at: _recipe_id(stream.split, number(at)).encode(), [position], tf.string
            )
            pair["id"].set_shape(())
        return pair

    positions = tf.data.Dataset.range(stream.start_step * stream.batch_size, _ENDLESS)
    return positions.filter(stream.wanted).map(
        call, num_parallel_calls=data.threads or _PYTHON_CALLS, deterministic=True
    )


def _recipe_id(split: str, number: int) -> str:
    return f"{split}-{number:07d}"


def page_interleaved(position: int, patches_per_page: int) -> int:
    """Return the pair at a position of a recipe's endless stream.

    Consecutive positions alternate between `PAGES_ALIVE` pages, so a batch mixes pages. Each page
    is used up before it is dropped, and pages start one at a time, to spread the cost evenly.

    Args:
      position: number of the pair in the stream, counted from 0.
      patches_per_page: number of consecutive pair numbers that share a page.

    Returns:
      The pair's number in its recipe, different for every position.
    """
    turn, column = divmod(position, PAGES_ALIVE)
    # Columns start at different patches of their first page, so that their page changes spread out.
    round_, patch = divmod(turn + column * patches_per_page // PAGES_ALIVE, patches_per_page)
    page = round_ * PAGES_ALIVE + column
    return page * patches_per_page + patch
