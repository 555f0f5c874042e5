import dataclasses
import functools
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeblur.data.build.prepare import prepare
from tfdeblur.degradations import page_sources, recipes
from tfdeblur.images import resize
from tfdeblur.images.decoding import READABLE
from tfdeblur.images.files import read_image, write_image
from tfdeblur_datasets.blurred_text import blurred_text_dataset_builder as blurred_text

GOLDEN = "8dfafd389cb258a1361e3255921cc0fc64cb3a76923a6f62e8d7e97ad378188e"
TINY = dataclasses.replace(blurred_text.X4.variant(count=5), name="x4_tiny")


class BlurredTextTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own checks: registration, tags, writing, reading, features, no pair in two splits."""

    DATASET_CLASS = blurred_text.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [
        blurred_text.X4.variant(count=3),
        blurred_text.PAGES.variant(count=3, seed=1),
        blurred_text.COLOUR_PAGES.variant(count=3),
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
        "The examples changed: raise TextRecipe.version (and add a release note), then update "
        "this hash. If no code changed, Pillow, OpenCV or numpy differ from the constraints file."
    )


def test_version_is_the_recipes_and_has_a_note():
    assert str(blurred_text.Builder.VERSION) == recipes.TextRecipe.version
    assert recipes.TextRecipe.version in blurred_text.Builder.RELEASE_NOTES


def test_default_configs():
    rendered = (blurred_text.X4, blurred_text.PAGES)
    counts = {config.name: tuple(config.counts.values()) for config in rendered}
    assert counts == {"x4": (20_000, 500, 500), "pages": (200, 100, 100)}


def test_another_count_or_seed_has_another_name():
    x4 = blurred_text.X4
    assert x4.variant(count=200_000).name == "x4_count200000"
    assert tuple(x4.variant(count=200_000).counts.values()) == (200_000, 500, 500)
    assert x4.variant(count=8, seed=7).name == "x4_count8_seed7"
    assert tuple(x4.variant(count=8).counts.values()) == (8, 8, 8)
    assert x4.variant(count=20_000, seed=0) is x4
    assert tuple(x4.counts.values()) == (20_000, 500, 500)


@pytest.mark.parametrize("argument", ["count", "seed"])
def test_variant_refuses_values_below_range(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be at least .* Got: -1"):
        blurred_text.X4.variant(**{argument: -1})


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
    assert done.stdout.splitlines() == [f"{recipes.TextRecipe.version} {resize.RESIZER}", ids]


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


def _write_pages(folder, count):
    for number in range(count):
        page = (
            recipes.TextRecipe(patch_size=120, patches_per_page=1).pair(0, number, "train").target
        )
        write_image(folder / f"{number}.png", page)


class PageImagesTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own checks on a user's pages."""

    DATASET_CLASS = blurred_text.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["page_images"]
    SPLITS = {"train": 16, "validation": 1, "test": 1}

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        _write_pages(Path(cls.EXAMPLE_DIR), 3)
        super().setUpClass()


def _prepare(name, folder, data_dir):
    make_builder = functools.partial(blurred_text.Builder, config=name, data_dir=data_dir)
    return prepare(make_builder, manual_dir=folder)


def test_pages_of_ones_own_are_blurred(tmp_path):
    _write_pages(tmp_path / "pages", 3)
    (tmp_path / "pages" / "broken.png").write_bytes(b"nothing")
    write_image(tmp_path / "pages" / "tiny.png", np.zeros((63, 90, 3), np.uint8))
    prepared = _prepare("page_images", tmp_path / "pages", tmp_path / "data")
    assert sorted(prepared.skipped) == [
        ("broken.png", f"must be a picture ({READABLE}). Its first bytes are b'nothing'."),
        ("tiny.png", "must be at least 64x64 px. Got: 90x63."),
    ]
    for split, noisy in (("train", True), ("validation", False), ("test", False)):
        if split not in prepared.builder.info.splits:
            continue  # Its only page was one of the two.
        for example in prepared.builder.as_dataset(split).as_numpy_iterator():
            page = read_image(tmp_path / "pages" / f"{example['id'].decode()[:-3]}.png")
            top, left = example["top"], example["left"]
            np.testing.assert_array_equal(example["hr"], page[top : top + 64, left : left + 64])
            assert (example["noise_std"] > 0) == noisy
            assert example["lr"].shape == (16, 16, 3) and example["walk_size"] >= 5


def test_pages_that_are_blurred_already_are_cut_and_reduced(tmp_path):
    folder = tmp_path / "pages"
    _write_pages(folder / "sharp", 3)
    for path in sorted((folder / "sharp").iterdir()):
        page = read_image(path)
        write_image(folder / "blurry" / path.name, (page[::-1] // 2))
    prepared = _prepare("page_pairs", folder, tmp_path / "data")
    (example,) = prepared.builder.as_dataset("test").as_numpy_iterator()
    page = read_image(folder / f"{example['id'].decode()[:-3]}.png")
    top, left = example["top"], example["left"]
    blurry = (page[::-1] // 2)[top : top + 64, left : left + 64]
    np.testing.assert_array_equal(example["lr"], resize.to_uint8(resize.downscale(blurry, 4) / 255))
    assert "walk_size" not in example


def test_rendered_pages_need_no_folder(tmp_path):
    with pytest.raises(ValueError, match="`blurred_text/x4/1.1.0` is not made from files."):
        _prepare("x4", tmp_path, tmp_path / "data")
