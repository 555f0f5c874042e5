"""Builders of pairs: whole or not there, resumed, with everything that was left out counted."""

import dataclasses
import fcntl
import functools
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeblur.data.build.builder import BuildError, PairBuilder, PairConfig
from tfdeblur.data.build.prepare import prepare
from tfdeblur.data.build.shards import Key, Plan, SkippedExample

MADE: list[str] = []  # Ids, as they are made.


class Interrupted(BaseException):
    """What a killed build looks like to the code above it."""


@dataclasses.dataclass(kw_only=True, eq=False)
class ToyConfig(PairConfig):
    bad: tuple[str, ...] = ()
    fatal: str = ""
    drop: str = ""


class Toys(PairBuilder, skip_registration=True):
    """Grey squares, one for each file of the user's folder, in two sizes."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "a folder of .txt files."
    name = "toys"

    def _info(self):
        image = tfds.features.Image(shape=(4, 4, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"id": tfds.features.Text(), "hr": image}),
            metadata=tfds.core.MetadataDict(seed=self.builder_config.seed),
        )

    def plan(self, manual_dir):
        files = sorted(manual_dir.glob("*.txt"))
        strange = [(path.name, "no .txt file") for path in sorted(manual_dir.glob("*.doc"))]
        groups = [[Key(path.stem, number) for number in range(2)] for path in files]
        make = functools.partial(_make, self.builder_config, manual_dir)
        keys = {"train": groups} if groups else {}
        return Plan(keys, make, [str(path) for path in files], strange, ["made of squares"])


def _make(config, folder, split, key):
    if key.source == config.fatal:
        raise Interrupted
    if key.source in config.bad:
        raise SkippedExample(f"{key.source}.txt", "must be good. Got: bad.")
    if key.source == config.drop:
        return None
    grey = int((folder / f"{key.source}.txt").read_text("utf-8"))
    MADE.append(f"{key.source}-{key.number}")
    return {"id": MADE[-1], "hr": np.full((4, 4, 3), grey, np.uint8)}


@pytest.fixture
def toys(tmp_path):
    """Prepare toys of eight files; returns a function (config fields, prepare's arguments)."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.txt").write_text(str(10 * number), "utf-8")

    def run(fields=None, **arguments):
        MADE.clear()
        config = ToyConfig(name="toy", examples_per_shard=4, **(fields or {}))
        make_builder = functools.partial(Toys, config=config, data_dir=tmp_path / "prepared")
        return prepare(make_builder, manual_dir=folder, **arguments)

    return run


def _place(tmp_path):
    return tmp_path / "prepared" / "toys" / "toy"


def test_prepared_data_is_read_back(toys, tmp_path):
    prepared = toys()
    assert prepared.written and prepared.notes == ["made of squares"] and prepared.skipped == []
    builder = tfds.builder("toys/toy", data_dir=tmp_path / "prepared")
    found = {e["id"].decode(): e["hr"] for e in builder.as_dataset("train").as_numpy_iterator()}
    assert sorted(found) == [f"{file}-{number}" for file in range(8) for number in range(2)]
    assert (found["5-1"] == 50).all()
    assert builder.info.splits["train"].shard_lengths == [4, 4, 4, 4]
    assert [path.name for path in _place(tmp_path).iterdir()] == ["1.0.0"]
    assert len(builder.info.metadata["shards_sha256"]) == 64


def test_interrupted_build_resumes_where_it_was(toys, tmp_path):
    whole = toys().builder.info.metadata["shards_sha256"]
    last = MADE[-1].split("-")[0]  # Its file is in the last shard.
    with pytest.raises(Interrupted):
        toys({"fatal": last}, overwrite=True)
    made_before = len(MADE)
    assert 12 <= made_before < 16
    assert (_place(tmp_path) / "1.0.0").exists()  # What --overwrite was replacing has come back.
    assert (_place(tmp_path) / "partial.1.0.0").exists()

    prepared = toys(overwrite=True)
    assert prepared.notes == ["made of squares", "resumed: 3 of 4 files were there"]
    assert len(MADE) == 4
    assert prepared.builder.info.metadata["shards_sha256"] == whole
    assert [path.name for path in _place(tmp_path).iterdir()] == ["1.0.0"]


def test_interrupted_build_looks_unfinished(toys, tmp_path):
    with pytest.raises(Interrupted):
        toys({"fatal": "3"})
    assert [path.name for path in _place(tmp_path).iterdir()] == ["partial.1.0.0"]
    with pytest.raises(tfds.core.DatasetNotFoundError):
        tfds.builder("toys/toy", data_dir=tmp_path / "prepared")


def test_parts_of_other_files_are_made_again(toys, tmp_path):
    with pytest.raises(Interrupted):
        toys({"fatal": "3"})
    (tmp_path / "mine" / "0.txt").write_text("255", "utf-8")
    prepared = toys()
    assert prepared.notes[1].startswith("started again: what an interrupted build left was made of")
    assert len(MADE) == 16
    examples = prepared.builder.as_dataset("train").as_numpy_iterator()
    assert {e["hr"].max() for e in examples if e["id"].startswith(b"0-")} == {255}


def test_what_is_left_out_is_counted_and_named(toys, tmp_path):
    (tmp_path / "mine" / "letter.doc").write_text("", "utf-8")
    prepared = toys({"bad": ("2", "6")})
    bad = "must be good. Got: bad."
    assert prepared.skipped[0] == ("letter.doc", "no .txt file")
    assert sorted(prepared.skipped[1:]) == [("2.txt", bad), ("6.txt", bad)]
    assert prepared.builder.info.splits["train"].num_examples == 12
    assert prepared.builder.info.metadata["skipped"] == 3
    listed = json.loads((_place(tmp_path) / "1.0.0" / "skipped.json").read_text("utf-8"))
    assert [(each["file"], each["reason"]) for each in listed] == prepared.skipped


def test_what_the_recipe_drops_is_counted_and_no_error(toys):
    prepared = toys({"drop": "3"})
    assert prepared.skipped == []
    assert prepared.notes[1:] == ["dropped by the recipe: 2 examples"]
    assert prepared.builder.info.splits["train"].num_examples == 14
    assert prepared.builder.info.metadata["dropped"] == 2


def test_nothing_left_is_an_error_and_nothing_is_published(toys, tmp_path):
    with pytest.raises(
        BuildError, match="no example of train could be made(.|\n)*[0-7].txt: must be"
    ):
        toys({"bad": tuple("01234567")})
    assert not (_place(tmp_path) / "1.0.0").exists()
    for path in (tmp_path / "mine").glob("*.txt"):
        path.unlink()
    with pytest.raises(ValueError, match="needs --manual_dir.* Got: .*mine, an empty folder."):
        toys()
    (tmp_path / "mine" / "letter.doc").write_text("", "utf-8")
    with pytest.raises(BuildError, match="`toys/toy/1.0.0` would have no example.\n  letter.doc"):
        toys()


def test_prepared_data_of_other_files_is_not_taken_for_these(toys, tmp_path):
    toys()
    assert not toys().written
    (tmp_path / "mine" / "8.txt").write_text("80", "utf-8")
    with pytest.raises(BuildError, match="already prepared in .* but from other files"):
        toys()
    assert toys(overwrite=True).builder.info.splits["train"].num_examples == 18


def test_only_one_process_builds_at_a_time(toys, tmp_path):
    with pytest.raises(Interrupted):
        toys({"fatal": "0"})
    with (_place(tmp_path) / "partial.1.0.0" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BuildError, match="another process is building this data set"):
            toys()
    assert toys().written


@pytest.mark.parametrize(("folder", "got"), [(None, "no --manual_dir"), ("none", "no folder")])
def test_needs_the_users_folder(tmp_path, folder, got):
    config = ToyConfig(name="toy")
    make_builder = functools.partial(Toys, config=config, data_dir=tmp_path)
    where = None if folder is None else tmp_path / folder
    with pytest.raises(ValueError, match=f"needs --manual_dir: a folder of .txt files. .*{got}"):
        prepare(make_builder, manual_dir=where)


def test_variants_are_named_by_what_differs():
    config = ToyConfig(name="toy", count=9)
    assert config.variant(count=9, seed=0, source="") is config
    variant = config.variant(count=5, seed=7, source="celeb_a/v2")
    assert variant.name == "toy_count5_seed7_from_celeb_a_v2"
    assert (variant.count, variant.seed, variant.source) == (5, 7, "celeb_a/v2")
    with pytest.raises(ValueError, match="`count` must be at least 1. Got: 0."):
        config.variant(count=0)


def test_no_file_left_behind(toys, tmp_path):
    toys()
    names = {path.name for path in Path(tmp_path, "prepared").rglob("*")}
    assert not {"downloads", "extracted", "lock", "plan.json"} & names
