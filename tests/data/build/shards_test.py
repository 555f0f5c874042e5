"""Which shard an example stands in, and what stands in a shard, hang on the plan alone."""

import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfdeblur.data.build import shards
from tfdeblur.data.build.shards import Key, Shard, SkippedExample, plan_shards, write_shard

FEATURES = json.dumps(
    tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "sharp": tfds.features.Image(shape=(5, 7, 3), encoding_format="png"),
            "sigma": np.float32,
        }
    ).to_json()
)


def _image(number):
    return np.random.default_rng(number).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def _make(split, key):
    if key.number == 3:
        raise SkippedExample(f"{key.source}.jpg", "must be sharp. Got: a fog.")
    if key.number == 8:
        return None
    return {"id": f"{split}-{key.source}-{key.number}", "sharp": _image(key.number), "sigma": 0.5}


def _groups(sources, numbers):
    return [[Key(f"photo-{source}", number) for number in range(numbers)] for source in sources]


def test_shards_hold_each_key_once_and_keep_groups_whole():
    keys = {"train": _groups(range(10), 3), "test": _groups(range(2), 1)}
    planned = plan_shards("toy", keys, 7)
    assert [shard.name for shard in planned] == [
        *(f"toy-train.tfrecord-{number:05d}-of-00004" for number in range(4)),
        "toy-test.tfrecord-00000-of-00001",
    ]
    assert [len(shard.keys) for shard in planned] == [9, 9, 9, 3, 2]  # groups of 3 until 7 or more
    for split in ("train", "test"):
        members = [key for shard in planned if shard.split == split for key in shard.keys]
        assert sorted(members) == sorted(key for group in keys[split] for key in group)
    holders = {key.source: shard.name for shard in planned[:4] for key in shard.keys}
    assert all(holders[key.source] == shard.name for shard in planned[:4] for key in shard.keys)


def test_shards_do_not_hang_on_the_order_of_the_list_and_mix_it():
    groups = _groups(range(40), 1)
    planned = plan_shards("toy", {"train": groups}, 10)
    assert plan_shards("toy", {"train": groups[::-1]}, 10) == planned
    first = sorted(int(key.source.split("-")[1]) for key in planned[0].keys)
    assert first != list(range(10))


def test_examples_per_shard_is_positive():
    with pytest.raises(ValueError, match="`examples_per_shard` must be at least 1. Got: 0."):
        plan_shards("toy", {}, 0)


def test_shard_is_written_whole_with_its_report(tmp_path):
    keys = tuple(Key("photo", number) for number in (0, 1, 2, 3, 4, 5, 8))
    shard = Shard("train", "toy-train.tfrecord-00000-of-00001", keys)
    report = write_shard(shard, make=_make, features_json=FEATURES, folder=str(tmp_path))
    path = tmp_path / shard.name
    assert report == shards.read_report(path)
    assert (report.examples, report.dropped) == (5, 1)
    assert report.skipped == [("photo.jpg", "must be sharp. Got: a fog.")]
    assert (report.size, report.sha256) == (path.stat().st_size, shards.file_sha256(path))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        shard.name,
        shard.name + shards.REPORT_SUFFIX,
    ]
    features = tfds.features.FeatureConnector.from_json(json.loads(FEATURES))
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        example = features.deserialize_example(record)
        found[example["id"].numpy().decode()] = example["sharp"].numpy()
    assert sorted(found) == [f"train-photo-{number}" for number in (0, 1, 2, 4, 5)]
    np.testing.assert_array_equal(found["train-photo-4"], _image(4))


def test_shard_is_the_same_whatever_the_order_of_its_keys(tmp_path):
    keys = tuple(Key("photo", number) for number in range(9))
    digests = set()
    for folder, order in (("a", keys), ("b", keys[::-1])):
        (tmp_path / folder).mkdir()
        report = write_shard(
            Shard("train", "x", order),
            make=_make,
            features_json=FEATURES,
            folder=str(tmp_path / folder),
        )
        digests.add(report.sha256)
    assert len(digests) == 1


def test_failed_shard_leaves_nothing(tmp_path):
    def fail(split, key):
        raise RuntimeError("the disk is gone")

    shard = Shard("train", "x", (Key("photo", 0),))
    with pytest.raises(RuntimeError, match="the disk is gone"):
        write_shard(shard, make=fail, features_json=FEATURES, folder=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["no report", "half a report", "half a shard", "no shard"])
def test_incomplete_shard_has_no_report(tmp_path, damage):
    shard = Shard("train", "x", (Key("photo", 0),))
    write_shard(shard, make=_make, features_json=FEATURES, folder=str(tmp_path))
    path = tmp_path / "x"
    report = shards.report_path(path)
    if damage == "no report":
        report.unlink()
    elif damage == "half a report":
        report.write_text(report.read_text("utf-8")[:20], "utf-8")
    elif damage == "half a shard":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    assert shards.read_report(path) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_lossless_rgb(channels):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    decoded = tf.io.decode_png(shards.encode_png(image)).numpy()
    np.testing.assert_array_equal(decoded, image)
    assert cv2.imdecode(np.frombuffer(shards.encode_png(image), np.uint8), -1) is not None


def test_combined_digest_hangs_on_each_shard():
    reports = {name: shards.ShardReport(1, 10, name * 8) for name in "abc"}
    digest = shards.combined_digest(reports.items())
    assert digest == shards.combined_digest(reversed(reports.items()))
    reports["b"].sha256 = "x"
    assert digest != shards.combined_digest(reports.items())
