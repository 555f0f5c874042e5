"""Plan a data set's shards and write one: the same bytes from any worker, in any order.

The plan alone determines which examples a shard holds, and its keys alone determine its bytes. A
shard is complete once its report is beside it; until then no file has its name.
"""

import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer

REPORT_SUFFIX = ".report.json"
# Run lengths pack photographs as well as zlib level 6 in a quarter of the time, and text nearly so.
_PNG_PARAMETERS = (cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


class Key(NamedTuple):
    """The origin of an example: a source, such as a photograph, and a number within it."""

    source: str
    number: int


class SkippedExample(Exception):
    """An example cannot be made.

    Attributes:
      file: the file at fault, as the user knows it.
      reason: a predicate with rule and fact: "must be at least 150x150 px. Got: 120x90."
    """

    def __init__(self, file: str, reason: str):
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


# (split, key) -> value by feature, including `id`; uint8 arrays are images. None: the recipe drops
# this example on purpose. The function is pure and picklable, and may raise SkippedExample.
MakeExample = Callable[[str, Key], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Plan:
    """The examples of a data set and how to make them.

    Attributes:
      keys: by split, groups of keys that share a source, which is read once per group.
      make: makes one example.
      inputs: files to read; if one changes, an interrupted build starts over.
      excluded: (file, reason) of each file that was found but cannot be used.
      notes: decisions, in words, for the user.
    """

    keys: Mapping[str, Sequence[Sequence[Key]]]
    make: MakeExample
    inputs: Sequence[str] = ()
    excluded: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Shard:
    """One file to write: its split, its name and the keys of its examples."""

    split: str
    name: str
    keys: tuple[Key, ...]


@dataclass
class ShardReport:
    """The result of writing a shard.

    Attributes:
      examples: number written.
      size: of the file in bytes.
      sha256: of the file.
      dropped: number of examples that the recipe dropped.
      skipped: (file, reason) of each unusable file, once.
    """

    examples: int
    size: int
    sha256: str
    dropped: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


def plan_shards(
    name: str, keys: Mapping[str, Sequence[Sequence[Key]]], examples_per_shard: int
) -> list[Shard]:
    """Divide the groups of keys among shards, in an order drawn from their hashes.

    Groups stay whole. A shard takes groups until it has at least `examples_per_shard` keys.

    Args:
      name: of the data set, the first part of each file's name.
      keys: as in `Plan`.
      examples_per_shard: at least 1.
    """
    if examples_per_shard < 1:
        raise ValueError(f"`examples_per_shard` must be at least 1. Got: {examples_per_shard}.")
    shards = []
    for split, groups in keys.items():
        filled: list[list[Key]] = []
        for group in sorted(groups, key=lambda group: _hash(split, group[0].source)):
            if not filled or len(filled[-1]) >= examples_per_shard:
                filled.append([])
            filled[-1].extend(group)
        count = len(filled)
        for number, members in enumerate(filled):
            file = f"{name}-{split}.tfrecord-{number:05d}-of-{count:05d}"
            shards.append(Shard(split, file, tuple(members)))
    return shards


def write_shard(shard: Shard, *, make: MakeExample, features_json: str, folder: str) -> ShardReport:
    """Make the examples of a shard and write them, in an order drawn from their keys' hashes.

    Args:
      shard: to write.
      make: makes one example.
      features_json: `to_json` of the data set's features, as text.
      folder: where the file goes; every worker must reach it by this path.

    Returns:
      The report, which is also written beside the file.
    """
    features, serializer = _features(features_json)
    records, skipped = {}, dict[tuple[str, str], None]()
    dropped = 0
    for key in shard.keys:
        try:
            example = make(shard.split, key)
        except SkippedExample as skip:
            skipped[skip.file, skip.reason] = None
            continue
        if example is None:
            dropped += 1
        else:
            records[key] = _serialize(example, features, serializer)
    in_order = sorted(records, key=lambda key: _hash(shard.split, f"{key.source}/{key.number}"))
    path = Path(folder, shard.name)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.writing")
    try:
        with tf.io.TFRecordWriter(str(partial)) as writer:
            for key in in_order:
                writer.write(records[key])
        report = ShardReport(
            len(records), partial.stat().st_size, file_sha256(partial), dropped, list(skipped)
        )
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    _write_whole(report_path(path), json.dumps(asdict(report), indent=1))
    return report


def report_path(shard_file: Path) -> Path:
    """Return the path of a shard's report."""
    return shard_file.with_name(shard_file.name + REPORT_SUFFIX)


def read_report(shard_file: Path) -> ShardReport | None:
    """Return a complete shard's report; None if the shard is incomplete."""
    try:
        report = ShardReport(**json.loads(report_path(shard_file).read_text(encoding="utf-8")))
        whole = shard_file.stat().st_size == report.size
    except (OSError, ValueError, TypeError):
        return None
    report.skipped = [(file, reason) for file, reason in report.skipped]
    return report if whole else None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def encode_png(image: np.ndarray) -> bytes:
    """Encode `[H, W, 1]` or `[H, W, 3]` RGB uint8 as PNG."""
    ordered = image if image.shape[2] == 1 else np.ascontiguousarray(image[..., ::-1])
    return cv2.imencode(".png", ordered, _PNG_PARAMETERS)[1].tobytes()


def _write_whole(path: Path, text: str) -> None:
    """Write a text file atomically: a reader sees all of it or nothing."""
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.writing")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _hash(*words: str) -> bytes:
    return hashlib.sha256("\0".join(words).encode()).digest()


@lru_cache(maxsize=8)
def _features(features_json: str) -> tuple[tfds.features.FeatureConnector, Any]:
    features = tfds.features.FeatureConnector.from_json(json.loads(features_json))
    serializer = example_serializer.ExampleSerializer(features.get_serialized_info())
    return features, serializer


def _serialize(example: Mapping[str, Any], features, serializer) -> bytes:
    encoded = {name: _as_png(value) for name, value in example.items()}
    record = serializer.serialize_example(features.encode_example(encoded))
    # By default, protocol buffers write an example's features in no fixed order.
    return tf.train.Example.FromString(record).SerializeToString(deterministic=True)


def _as_png(value: Any) -> Any:
    is_image = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3
    return io.BytesIO(encode_png(value)) if is_image else value


def combined_digest(reports: Iterable[tuple[str, ShardReport]]) -> str:
    """Return one SHA-256 over the names and hashes of shards; equal if all their bytes are."""
    lines = sorted(f"{report.sha256}  {name}\n" for name, report in reports)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
