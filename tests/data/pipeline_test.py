import dataclasses
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.data import pipeline, reading
from tfdeblur.data.pipeline import DataConfig, make_batches, make_validation, page_interleaved
from tfdeblur.degradations import recipes
from tfdeblur.degradations.recipes import text

TINY = DataConfig(patch_size=32, patches_per_page=4)
COUNT = 11  # Pairs in a split of `prepared`: batches of 4 leave a remainder of 3.


def read(data, steps, start_step=0, *, split="train", batch_size=4, seed=5):
    batches = make_batches(
        data, split=split, batch_size=batch_size, seed=seed, start_step=start_step, steps=steps
    )
    return list(batches.as_numpy_iterator())


def assert_equal(first, second):
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one["degraded"], other["degraded"])
        np.testing.assert_array_equal(one["target"], other["target"])


def pictures(batches):
    """Return the multiset of targets as sorted bytes."""
    return sorted(target.tobytes() for batch in batches for target in batch["target"])


@pytest.fixture(params=["recipe", "prepared"])
def source(request):
    """Pages on the fly, and prepared pairs that are cut, flipped and turned."""
    if request.param == "recipe":
        return TINY
    data = request.getfixturevalue("prepared")
    return dataclasses.replace(data, crop_size=24, augment_flip=True, augment_rotate=True)


def test_batches_have_the_declared_form(source):
    batches = make_batches(source, split="train", batch_size=3, seed=0, steps=2)
    side = source.crop_size or (32 if source is TINY else 64)
    small = side // 4
    assert batches.element_spec == {
        "degraded": tf.TensorSpec((3, small, small, 3), tf.float32),
        "target": tf.TensorSpec((3, side, side, 3), tf.float32),
    }
    assert batches.element_spec.keys() == pipeline.Batch.__required_keys__
    found = list(batches.as_numpy_iterator())
    assert len(found) == 2
    for values in found[0].values():
        assert 0 <= values.min() < values.max() <= 1


def test_same_seed_same_batches_whatever_the_global_seeds(source):
    tf.random.set_seed(1)
    np.random.seed(1)
    first = read(source, 3)
    tf.random.set_seed(2)
    np.random.seed(2)
    assert_equal(first, read(source, 3))
    assert pictures(first) != pictures(read(source, 3, seed=6))


def test_starting_at_a_step_continues_as_if_never_interrupted(source):
    """Batches of 4 of 11 prepared pairs: two steps an epoch, so 5 lies in the third."""
    whole = read(source, 7)
    for start_step in (1, 5):
        assert_equal(read(source, 2, start_step), whole[start_step : start_step + 2])


def test_number_of_calls_does_not_enter(monkeypatch):
    monkeypatch.setattr(pipeline, "_PYTHON_CALLS", 1)
    one = read(TINY, 4)
    monkeypatch.setattr(pipeline, "_PYTHON_CALLS", 4)
    assert_equal(one, read(TINY, 4))


def test_number_of_threads_does_not_enter(source):
    """Five batches are two epochs and a half of the prepared pairs."""
    found = []
    for threads in (1, 2, 8):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        options.threading.max_intra_op_parallelism = threads
        batches = make_batches(source, split="train", batch_size=4, seed=5, steps=5)
        found.append(list(batches.with_options(options).as_numpy_iterator()))
    assert_equal(found[0], found[1])
    assert_equal(found[0], found[2])


def test_slow_threads_do_not_change_the_order(monkeypatch):
    """The first pair is held back until another thread has made the second, and a moment longer."""
    second_made = threading.Event()
    pair = recipes.TextRecipe.pair

    def wait_for_second(self, seed, index, split):
        if index == first_index:
            assert second_made.wait(timeout=60)
            time.sleep(0.2)
        made = pair(self, seed, index, split)
        if index == second_index:
            second_made.set()
        return made

    expected = read(TINY, 1)
    first_index, second_index = (page_interleaved(position, 4) for position in range(2))
    monkeypatch.setattr(recipes.TextRecipe, "pair", wait_for_second)
    assert_equal(expected, read(TINY, 1))


def test_recipe_makes_no_pair_of_the_batches_before(monkeypatch):
    made = []
    pair = recipes.TextRecipe.pair

    def record(self, seed, index, split):
        made.append(index)
        return pair(self, seed, index, split)

    monkeypatch.setattr(recipes.TextRecipe, "pair", record)
    read(TINY, 1, start_step=1000)
    wanted = [page_interleaved(position, 4) for position in range(4000, 4200)]
    assert set(wanted[:4]) <= set(made) <= set(wanted)


def test_prepared_decodes_no_pair_of_the_batches_before(prepared, monkeypatch):
    """Step 1 of batches of 4 is the second half of the first epoch: 4 decoded, not 8."""
    decoded = []
    monkeypatch.setattr(tf.data, "AUTOTUNE", 1)  # So that few pairs are made ahead.
    decode = reading.PairDecoder.decode

    def counted(self, position, record, **named):
        tf.numpy_function(decoded.append, [record], [])
        return decode(self, position, record, **named)

    monkeypatch.setattr(reading.PairDecoder, "decode", counted)
    read(prepared, 1, start_step=0)
    first_epoch_start = decoded[:4]
    decoded.clear()
    read(prepared, 1, start_step=1)
    assert len(decoded) >= 4
    assert not set(decoded[:4]) & set(first_epoch_start)


def test_recipe_batches_mix_pages_and_use_each_pair_once():
    """16 columns, 4 patches a page; after the start a page is used up before it is dropped."""
    positions = range(64 * 16)
    indices = [page_interleaved(position, 4) for position in positions]
    assert len(set(indices)) == len(indices)
    pages = [index // 4 for index in indices]
    for start in range(0, len(pages), 16):
        assert len(set(pages[start : start + 16])) == 16
    visits = {page: [p for p in positions if pages[p] == page] for page in pages}
    complete = [where for page, where in visits.items() if 16 <= page < 240]
    assert all(np.diff(where).tolist() == [16, 16, 16] for where in complete)


def test_pages_are_renewed_evenly():
    """Of 16 columns with 16 patches a page, one column begins a new page in each turn."""
    pages = [page_interleaved(position, 16) // 16 for position in range(16 * 40)]
    turns = [set(pages[start : start + 16]) for start in range(0, len(pages), 16)]
    renewed = [len(now - before) for before, now in zip(turns, turns[1:], strict=False)]
    assert set(renewed) == {1}


def test_recipe_renders_each_page_once(monkeypatch):
    rendered = []
    render = text.render_page

    def record(rng, split, size, domain):
        page = render(rng, split, size, domain)
        rendered.append(page.image.tobytes())
        return page

    text._page.cache_clear()
    monkeypatch.setattr(text, "render_page", record)
    read(TINY, 16, seed=77)
    assert len(rendered) == len(set(rendered))


def test_each_epoch_is_reshuffled_and_has_no_pair_twice(prepared):
    """11 pairs, batches of 1: 11 steps an epoch."""
    batches = read(prepared, 22, batch_size=1)
    epochs = batches[:11], batches[11:]
    targets = [[batch["target"].tobytes() for batch in epoch] for epoch in epochs]
    assert len(set(targets[0])) == 11
    assert set(targets[0]) == set(targets[1])
    assert targets[0] != targets[1]


def test_small_shuffle_buffer_still_yields_every_pair(prepared):
    whole = read(prepared, 11, batch_size=1)
    chunked = read(dataclasses.replace(prepared, shuffle_buffer=3), 11, batch_size=1)
    assert pictures(chunked) == pictures(whole)
    assert [b["target"].tobytes() for b in chunked] != [b["target"].tobytes() for b in whole]


def test_slices_of_prepared_splits(prepared):
    """train[:6] and train[6:] share nothing and are all of train."""
    parts = [
        pictures(read(prepared, steps, batch_size=1, split=split))
        for split, steps in (("train[:6]", 6), ("train[6:]", 5))
    ]
    assert not set(parts[0]) & set(parts[1])
    assert sorted(parts[0] + parts[1]) == pictures(read(prepared, 11, batch_size=1))


def test_crops_differ_between_epochs(prepared):
    data = dataclasses.replace(prepared, crop_size=16)
    batches = read(data, 22, batch_size=1)
    assert len(set(pictures(batches[:11])) & set(pictures(batches[11:]))) < 11


def test_validation_of_a_recipe():
    pairs = make_validation(TINY, "validation", 3, seed=1)
    assert [pair.id for pair in pairs] == [f"validation-{4 * page:07d}" for page in range(3)]
    expected = TINY.build_recipe("validation").pair(1, 8, "validation")
    np.testing.assert_array_equal(pairs[2].degraded, expected.degraded)
    np.testing.assert_array_equal(pairs[2].target, expected.target)
    assert expected.drawn["noise_std"] == 0


def test_validation_of_prepared_data(prepared):
    pairs = make_validation(prepared, "validation", 5, seed=1)
    assert len({pair.id for pair in pairs}) == 5
    for pair in pairs:
        assert pair.degraded.shape == (16, 16, 3)
        assert pair.target.shape == (64, 64, 3)
        assert pair.target.dtype == np.uint8
    assert [pair.id for pair in make_validation(prepared, "validation", 5, seed=2)] == [
        pair.id for pair in pairs
    ]


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("batch_size", 0, "`batch_size` must be at least 1. Got: 0"),
        ("seed", -1, "`seed` must be at least 0. Got: -1"),
        ("start_step", -1, "`start_step` must be at least 0. Got: -1"),
        ("steps", -1, "`steps` must be at least 0. Got: -1"),
        ("split", "dev", "`split` must be one of .* Got: 'dev'"),
    ],
)
def test_arguments_out_of_range_are_refused(argument, value, message):
    arguments = {"split": "train", "batch_size": 2, "seed": 0} | {argument: value}
    with pytest.raises(ValueError, match=message):
        make_batches(TINY, **arguments)


def test_prepared_data_that_does_not_fit_is_refused(prepared, tmp_path):
    elsewhere = dataclasses.replace(prepared, data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="`toy_pairs` is neither a folder nor prepared"):
        read(elsewhere, 1)
    with pytest.raises(ValueError, match=r"at least one batch of 12 pairs .* Got: 11"):
        read(prepared, 1, batch_size=12)
    for crop_size in (30, 68):
        with pytest.raises(ValueError, match=f"multiple of 4, at most 64. Got: {crop_size}"):
            read(dataclasses.replace(prepared, crop_size=crop_size), 1)
    with pytest.raises(ValueError, match=r"at least 12 pairs in 'validation'. Got: 11"):
        make_validation(prepared, "validation", 12, seed=0)
    with pytest.raises(ValueError, match="`count` must be at least 1. Got: 0"):
        make_validation(TINY, "validation", 0, seed=0)


def test_ids_name_the_pairs(prepared):
    """Of prepared data its own; of a recipe the pair's number, as validation has it."""
    (batch,) = make_batches(
        prepared, split="train", batch_size=8, seed=0, steps=1, ids=True
    ).as_numpy_iterator()
    assert set(batch["id"]) < {f"{number:02d}".encode() for number in range(COUNT)}
    (batch,) = make_batches(
        TINY, split="train", batch_size=3, seed=0, steps=1, ids=True
    ).as_numpy_iterator()
    pairs = [int(id_.decode().removeprefix("train-")) for id_ in batch["id"]]
    assert pairs == [page_interleaved(position, TINY.patches_per_page) for position in range(3)]


def test_classes_validate_by_turns():
    data = dataclasses.replace(TINY, domain="print,dark_mode")
    pairs = make_validation(data, "validation", 3, seed=1)
    alone = make_validation(TINY, "validation", 2, seed=1)
    assert len(pairs) == 3
    np.testing.assert_array_equal(pairs[0].target, alone[0].target)
    np.testing.assert_array_equal(pairs[2].target, alone[1].target)
    assert pairs[1].target.mean() < pairs[0].target.mean()  # Light letters on a dark screen.


def test_generated_pairs_have_the_extras_of_their_recipe():
    data = DataConfig(recipe="two_branch", patch_size=64, patches_per_page=2)
    (batch,) = make_batches(data, split="train", batch_size=2, seed=3, steps=1)
    shapes = {name: tuple(value.shape) for name, value in batch.items()}
    assert shapes == {
        "degraded": (2, 8, 8, 3),
        "target": (2, 64, 64, 3),
        "hr_blurry": (2, 64, 64, 3),
        "face_mask": (2, 64, 64, 1),
    }
    assert set(np.unique(batch["face_mask"])) == {0.0, 1.0}
    with pytest.raises(ValueError, match="`data.recipe` must be one of .* Got: 'blur'."):
        DataConfig(recipe="blur").validate()


def test_grey_pairs_are_validated_as_rgb():
    data = DataConfig(recipe="wrfn", patch_size=48, patches_per_page=2)
    (batch,) = make_batches(data, split="train", batch_size=2, seed=3, steps=1)
    assert batch["target"].shape == (2, 48, 48, 1)
    (pair,) = make_validation(data, "validation", 1, seed=3)
    assert pair.degraded.shape == pair.target.shape == (48, 48, 3)
    np.testing.assert_array_equal(pair.target[..., 0], pair.target[..., 2])


def test_validation_on_a_slice(prepared):
    every = [pair.id for pair in make_validation(prepared, "train", COUNT, 0)]
    last = [pair.id for pair in make_validation(prepared, "train[-3:]", 3, 0)]
    assert last == every[-3:]
