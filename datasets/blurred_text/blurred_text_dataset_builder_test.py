import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeblur.degradations import page_sources, recipes
from tfdeblur.images import resize
from tfdeblur_datasets.blurred_text import blurred_text_dataset_builder as blurred_text

GOLDEN = "e65caa5a29a01ac79dc769d6a05e797cebf4d12659cee09171773799e21170ab"
TINY = dataclasses.replace(blurred_text.variant(blurred_text.X4, count=5), name="x4_tiny")


class BlurredTextTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own checks: registration, tags, writing, reading, features, no pair in two splits."""

    DATASET_CLASS = blurred_text.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [
        blurred_text.variant(blurred_text.X4, count=3),
        blurred_text.variant(blurred_text.PAGES, count=3, seed=1),
    ]
    SPLITS = {"train": 3, "validation": 3, "test": 3}
    EXAMPLE_DIR = str(Path(__file__).parent)  # Nothing is downloaded, so no dummy data is needed.


def _without_network() -> tfds.download.DownloadConfig:
    return tfds.download.DownloadConfig(try_download_gcs=False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    builder = blurred_text.Builder(config=TINY, data_dir=folder)
    builder.download_and_prepare(download_config=_without_network())
    return folder


def test_examples_of_known_seeds_are_golden():
    digest = hashlib.sha256()
    for config, split, number in (
        (blurred_text.X4, "train", 0),
        (blurred_text.X4, "train", 17),
        (blurred_text.X4, "test", 1),
        (blurred_text.PAGES, "validation", 0),
    ):
        example = blurred_text.make_example(config, split, number)
        digest.update(example["lr"].tobytes() + example["hr"].tobytes())
        values = (
            f"{v:.6g}" if isinstance(v, float) else f"{v}"
            for k, v in sorted(example.items())
            if k not in ("lr", "hr")
        )
        digest.update("\n".join(values).encode())
    assert digest.hexdigest() == GOLDEN, (
        "The examples changed: raise TEXT_RECIPE_VERSION (and add a release note), then update "
        "this hash. If no code changed, Pillow, OpenCV or numpy differ from the constraints file."
    )


def test_version_is_the_recipes_and_has_a_note():
    assert str(blurred_text.Builder.VERSION) == recipes.TEXT_RECIPE_VERSION
    assert recipes.TEXT_RECIPE_VERSION in blurred_text.Builder.RELEASE_NOTES


def test_default_configs():
    counts = {config.name: config.counts for config in blurred_text.Builder.BUILDER_CONFIGS}
    assert counts == {"x4": (20_000, 500, 500), "pages": (200, 100, 100)}


def test_another_count_or_seed_has_another_name():
    x4, variant = blurred_text.X4, blurred_text.variant
    assert variant(x4, count=200_000).name == "x4_count200000"
    assert variant(x4, count=200_000).counts == (200_000, 500, 500)
    assert variant(x4, count=8, seed=7).name == "x4_count8_seed7"
    assert variant(x4, count=8).counts == (8, 8, 8)
    assert variant(x4, count=20_000, seed=0) is x4
    assert x4.counts == (20_000, 500, 500)


@pytest.mark.parametrize("argument", ["count", "seed"])
def test_variant_refuses_values_below_range(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be at least .* Got: -1"):
        blurred_text.variant(blurred_text.X4, **{argument: -1})


def test_train_shares_pages_and_held_out_pairs_do_not():
    pages = {
        split: [blurred_text.make_example(TINY, split, number)["page"] for number in range(3)]
        for split in page_sources.SPLITS
    }
    assert pages == {"train": [0, 0, 0], "validation": [0, 1, 2], "test": [0, 1, 2]}


def test_only_train_is_noisy_unless_asked():
    noise = {s: blurred_text.make_example(TINY, s, 0)["noise_std"] for s in page_sources.SPLITS}
    assert 0 < noise["train"] < 7 / 255
    assert noise["validation"] == noise["test"] == 0.0
    noisy = dataclasses.replace(TINY, noise_on_held_out=True)
    assert blurred_text.make_example(noisy, "test", 0)["noise_std"] > 0


def test_is_read_back_without_the_builders_code(prepared):
    """A process that never imports the builder reads the same pairs and their metadata."""
    code = f"""
import sys
import tensorflow_datasets as tfds
builder = tfds.builder("blurred_text/x4_tiny", data_dir={str(prepared)!r})
assert type(builder).__name__ == "ReadOnlyBuilder", type(builder)
assert not [name for name in sys.modules if name.startswith("tfdeblur")]
print(builder.info.metadata["recipe_version"], builder.info.metadata["resizer"])
print(*sorted(e["id"].decode() for e in builder.as_dataset("test").as_numpy_iterator()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ids = " ".join(f"test-{16 * number:07d}" for number in range(5))
    assert done.stdout.splitlines() == [f"{recipes.TEXT_RECIPE_VERSION} {resize.RESIZER}", ids]


def test_records_hold_the_pairs_and_what_was_drawn(prepared):
    builder = tfds.builder("blurred_text/x4_tiny", data_dir=prepared)
    found = {e["id"].decode(): e for e in builder.as_dataset("train").as_numpy_iterator()}
    assert len(found) == 5
    expected = blurred_text.make_example(TINY, "train", 3)
    example = found["train-0000003"]
    assert example.keys() == expected.keys()
    np.testing.assert_array_equal(example["lr"], expected["lr"])
    np.testing.assert_array_equal(example["hr"], expected["hr"])
    assert example["font_family"].decode() == expected["font_family"]
    assert example["page"] == expected["page"]
    assert example["disc_radius"] == pytest.approx(expected["disc_radius"], rel=1e-6)
    assert builder.info.supervised_keys == ("lr", "hr")


def test_metadata_names_everything_that_made_the_pairs(prepared):
    metadata = tfds.builder("blurred_text/x4_tiny", data_dir=prepared).info.metadata
    assert metadata["source_sha256"] == page_sources.source_hashes()
    assert metadata["recipe"] == dataclasses.asdict(TINY.recipe)
    assert metadata["counts"] == {"train": 5, "validation": 5, "test": 5}
    assert metadata["seed"] == 0
    assert metadata["noise_on_held_out"] is False


def test_builder_describes_itself():
    info = blurred_text.Builder(config="pages", data_dir="/nonexistent").info
    assert info.features["hr"].shape == (300, 300, 3)
    assert info.features["lr"].shape == (75, 75, 3)
    assert "Nothing is downloaded" in info.description
    assert "Xu, Xiangyu" in info.citation
