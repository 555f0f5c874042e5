"""Where a batch has its pairs: classes, sub-batches, replicas and workers."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.data.pipeline import DataConfig, make_batches

TINY = DataConfig(patch_size=32, patches_per_page=4)


def test_classes_of_pairs_share_a_batch():
    data = dataclasses.replace(TINY, domain="print,dark_mode")
    (batch,) = make_batches(data, split="train", batch_size=6, seed=3, steps=1)
    np.testing.assert_array_equal(batch["class_index"], [0, 0, 0, 1, 1, 1])
    assert batch["class_index"].dtype == tf.int32
    for index, domain in enumerate(("print", "dark_mode")):
        part = dataclasses.replace(TINY, domain=domain)
        (alone,) = make_batches(part, split="train", batch_size=3, seed=3, steps=1)
        for name in ("degraded", "target"):
            np.testing.assert_array_equal(batch[name][3 * index : 3 * index + 3], alone[name])
    with pytest.raises(ValueError, match="`batch_size` must be a multiple of 2, .* Got: 5."):
        make_batches(data, split="train", batch_size=5, seed=3)


@pytest.mark.parametrize(
    ("sub_batches", "replicas", "wanted"),
    [  # Pairs of a class in the order of their stream, class by class; first of a replica's share.
        (1, 1, ["a0 a1 a2 a3 b0 b1 b2 b3"]),
        (2, 1, ["a0 a1 b0 b1 a2 a3 b2 b3"]),
        (1, 2, ["a0 a1 b0 b1", "a2 a3 b2 b3"]),
        (2, 2, ["a0 b0 a2 b2", "a1 b1 a3 b3"]),
    ],
)
def test_every_replica_sees_every_class_in_every_sub_batch(sub_batches, replicas, wanted):
    data = dataclasses.replace(TINY, domain="print,dark_mode")
    arguments = {"split": "train", "seed": 3, "steps": 1}
    layout = {"sub_batches": sub_batches, "replicas": replicas}
    (batch,) = make_batches(data, batch_size=8, **layout, **arguments)
    (plain,) = make_batches(data, batch_size=8, **arguments)
    order = [4 * "ab".index(pair[0]) + int(pair[1]) for pair in " ".join(wanted).split()]
    for name in ("degraded", "target", "class_index"):
        np.testing.assert_array_equal(batch[name], plain[name].numpy()[order])


def test_sub_batches_of_one_class_follow_each_other():
    """With one replica nothing moves; with two, each has the first or the second half of each."""
    arguments = {"split": "train", "seed": 3, "steps": 1, "batch_size": 8}
    (plain,) = make_batches(TINY, **arguments)
    (alone,) = make_batches(TINY, **arguments, sub_batches=2)
    (shared,) = make_batches(TINY, **arguments, sub_batches=2, replicas=2)
    np.testing.assert_array_equal(alone["target"], plain["target"])
    np.testing.assert_array_equal(
        shared["target"], plain["target"].numpy()[[0, 1, 4, 5, 2, 3, 6, 7]]
    )
    assert "class_index" not in shared
    with pytest.raises(ValueError, match=r"a multiple of 6, .* sub-batches \(2\) .* Got: 8."):
        make_batches(TINY, **arguments, sub_batches=2, replicas=3)


@pytest.mark.parametrize("source", ["recipe", "prepared"])
def test_workers_make_their_parts_of_a_batch(source, request):
    """Joined, they are the whole batch, with its ids; each makes only its own pairs."""
    data = TINY if source == "recipe" else request.getfixturevalue("prepared")
    common = {"split": "train", "batch_size": 8, "seed": 3, "start_step": 2, "steps": 2}
    common |= {"sub_batches": 2, "replicas": 4, "ids": True}
    whole = list(make_batches(data, **common).as_numpy_iterator())
    parts = [
        list(make_batches(data, worker=worker, workers=2, **common).as_numpy_iterator())
        for worker in range(2)
    ]
    for number, batch in enumerate(whole):
        assert len(set(batch["id"])) == 8
        for name in ("degraded", "target", "id"):
            joined = np.concatenate([part[number][name] for part in parts])
            np.testing.assert_array_equal(joined, batch[name])


def test_workers_that_do_not_fit_are_refused():
    arguments = {"split": "train", "batch_size": 8, "seed": 0}
    with pytest.raises(ValueError, match="must divide the 4 replicas"):
        make_batches(TINY, replicas=4, workers=3, **arguments)
    with pytest.raises(ValueError, match="`worker` be below it. Got: 2 workers, worker 2"):
        make_batches(TINY, replicas=2, workers=2, worker=2, **arguments)
