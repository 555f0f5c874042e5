"""Pairs from folders and from prepared data, and what is said when something does not fit."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tfdeblur.data.pairs import (
    ImagePair,
    PairError,
    PairLayout,
    check_scale,
    open_pairs,
    read_pair_folder,
    read_prepared,
)
from tfdeblur.images.files import ImageError


def _save(path, height, width, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    for name, level in (("b", 20), ("a", 10), ("deep/c.v2", 30)):
        _save(tmp_path / "lr" / f"{name}.png", 3, 5, level)
        _save(tmp_path / "hr" / f"{name}.png", 12, 20, level + 1)
    return tmp_path


def test_pairs_are_sorted_and_load(folder):
    pairs = read_pair_folder(folder)
    assert [pair.id for pair in pairs] == ["a", "b", "deep/c.v2"]
    name, degraded, target = pairs[0].load()
    assert name == "a"
    assert degraded.shape == (3, 5, 3) and np.all(degraded == 10)
    assert target.shape == (12, 20, 3) and np.all(target == 11)
    check_scale(pairs[0].load(), 4)


def test_suffixes_may_differ_and_blurry_sharp_works(tmp_path):
    _save(tmp_path / "blurry" / "x.jpg", 8, 8)
    _save(tmp_path / "sharp" / "x.PNG", 8, 8)
    (tmp_path / "sharp" / ".hidden").write_text("ignored")
    (pair,) = read_pair_folder(tmp_path)
    assert pair.id == "x"
    assert pair.degraded == tmp_path / "blurry" / "x.jpg"
    assert pair.target == tmp_path / "sharp" / "x.PNG"


def test_all_unmatched_files_are_listed(folder):
    _save(folder / "lr" / "lonely.png", 3, 5)
    _save(folder / "hr" / "widow.png", 12, 20)
    _save(folder / "hr" / "a.jpg", 12, 20)
    (folder / "lr" / "scan.heic").write_bytes(b"II*")
    with pytest.raises(PairError) as caught:
        read_pair_folder(folder)
    message = str(caught.value)
    assert "has 4 file(s)" in message
    assert f"{folder / 'lr' / 'lonely.png'}: no partner in {folder / 'hr'}" in message
    assert f"{folder / 'hr' / 'widow.png'}: no partner in {folder / 'lr'}" in message
    assert f"same name as {folder / 'hr' / 'a.jpg'}" in message
    assert f"{folder / 'lr' / 'scan.heic'}: suffix is none of .png" in message


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([], "must hold either lr/ and hr/ or blurry/ and sharp/. Got: an empty folder"),
        (["images"], r"Got: \['images'\]"),
        (["lr", "hr", "sharp"], "must hold either"),
        (["lr"], "must hold lr/ and hr/. No hr/"),
        (["sharp"], "must hold blurry/ and sharp/. No blurry/"),
        (["lr", "hr"], "has no images in lr/ and hr/"),
    ],
)
def test_layout_errors(tmp_path, made, message):
    for name in made:
        (tmp_path / name).mkdir()
    with pytest.raises(PairError, match=message):
        read_pair_folder(tmp_path)


def test_not_a_folder(tmp_path):
    with pytest.raises(PairError, match="nothing` is not a folder"):
        read_pair_folder(tmp_path / "nothing")


def test_wrong_scale_names_the_pair():
    pair = ImagePair("page_7", np.zeros((3, 5, 3), np.uint8), np.zeros((12, 21, 3), np.uint8))
    with pytest.raises(PairError, match="'page_7': at scale 4 .* must be 12x20 px .* Got: 12x21"):
        check_scale(pair, 4)


def test_unreadable_file_is_named(folder):
    (folder / "lr" / "b.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match=r"b\.png"):
        read_pair_folder(folder)[1].load()


def _prepare(data_dir, degraded, target):
    """Write four examples, in two splits, as TFDS data whose builder code is nowhere."""
    rng = np.random.default_rng(0)

    def examples(split, count):
        for index in range(count):
            yield (
                f"{split}{index}",
                {
                    "id": f"{split}/{index}",
                    degraded: rng.integers(0, 256, (2, 3, 3), dtype=np.uint8),
                    target: np.full((8, 12, 3), index, np.uint8),
                },
            )

    image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="toy_pairs",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {"id": tfds.features.Text(), degraded: image, target: image}
        ),
        split_datasets={"train": examples("train", 1), "test": examples("test", 3)},
        config=None,
        data_dir=str(data_dir),
        disable_shuffling=True,
    )


@pytest.mark.parametrize("names", [("lr", "hr"), ("blurry", "sharp")])
def test_prepared_data(tmp_path, names):
    _prepare(tmp_path, *names)
    pairs = read_prepared("toy_pairs", tmp_path, "test")
    assert len(pairs) == 3
    for _ in range(2):  # It can be iterated more than once.
        read = list(pairs)
        assert [pair.id for pair in read] == ["test/0", "test/1", "test/2"]
        assert [int(pair.target[0, 0, 0]) for pair in read] == [0, 1, 2]
        assert read[0].degraded.shape == (2, 3, 3) and read[0].degraded.dtype == np.uint8
    assert len(read_prepared("toy_pairs", tmp_path, "test[:2]")) == 2


def _write_described(write_prepared, folder, described):
    level = np.full((3, 5, 1), 7, np.uint8)
    feature = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
    example = {"id": "only", "seen": level, "truth": level + 1}
    features = {"seen": feature, "truth": feature}
    write_prepared(folder, features, {"test": [[example]]}, {"pair": described})


def test_names_of_prepared_features_stand_in_the_metadata(tmp_path, write_prepared):
    described = {"degraded": "seen", "target": "truth", "scale": 1, "extras": {}}
    _write_described(write_prepared, tmp_path, described)
    pairs = read_prepared("toy_pairs", tmp_path)
    assert pairs.layout == PairLayout("seen", "truth", 1, {})
    (pair,) = pairs
    assert np.all(pair.degraded == 7) and np.all(pair.target == 8)
    assert pair.target.shape == (3, 5, 1)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            {"degraded": "seen", "target": "sharp", "scale": 1, "extras": {"mask": 1}},
            r"features id, mask, seen, sharp that its metadata.json names. Got: \['id', 'seen', 't",
        ),
        ({"degraded": "seen"}, "`pair` in metadata.json must name degraded, target, scale and ext"),
        ("seen", "`pair` in metadata.json must name degraded, target, scale and extras"),
    ],
)
def test_metadata_that_does_not_fit(tmp_path, write_prepared, described, message):
    _write_described(write_prepared, tmp_path, described)
    with pytest.raises(PairError, match=message):
        read_prepared("toy_pairs", tmp_path)


def test_open_by_folder_or_by_name(folder, tmp_path_factory):
    assert [pair.id for pair in open_pairs(folder)] == ["a", "b", "deep/c.v2"]
    assert [pair.id for pair in open_pairs(folder, limit=2)] == ["a", "b"]
    data_dir = tmp_path_factory.mktemp("prepared")
    _prepare(data_dir, "lr", "hr")
    assert len(open_pairs("toy_pairs", data_dir)) == 3
    assert [pair.id for pair in open_pairs("toy_pairs", data_dir, "test", limit=2)] == [
        "test/0",
        "test/1",
    ]
    assert [pair.id for pair in open_pairs("toy_pairs", data_dir, "train")] == ["train/0"]


def test_prepared_data_errors(tmp_path):
    with pytest.raises(PairError, match="`toy_pairs` is neither a folder nor prepared in"):
        read_prepared("toy_pairs", tmp_path)
    with pytest.raises(PairError, match="`mnist` is neither a folder nor prepared in"):
        read_prepared("mnist", tmp_path)  # TFDS knows it, but it is not prepared.
    with pytest.raises(PairError, match="`./my pairs` is neither a folder nor prepared in"):
        read_prepared("./my pairs", tmp_path)  # No name that TFDS could parse.
    _prepare(tmp_path, "noisy", "clean")
    with pytest.raises(PairError, match=r"Got: \['clean', 'id', 'noisy'\]"):
        read_prepared("toy_pairs", tmp_path)


def test_unknown_split(tmp_path):
    _prepare(tmp_path, "lr", "hr")
    with pytest.raises(PairError, match="has the splits test, train. Got: 'validation'"):
        read_prepared("toy_pairs", tmp_path, "validation")
