import dataclasses
import functools
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfdeblur.data.build.prepare import prepare
from tfdeblur.data.build.shards import Key
from tfdeblur.images.decoding import READABLE
from tfdeblur.images.files import write_image
from tfdeblur.images.resize import downscale, to_uint8
from tfdeblur_datasets.lr_gopro import lr_gopro_dataset_builder as lr_gopro

CONFIGS = {config.name: config for config in lr_gopro.CONFIGS}


def _frame(number, height=280, width=400):
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _write_frames(folder, sequences, per_sequence=1, blur_folder="blur_gamma"):
    for place, sequence in enumerate(sequences):
        for number in range(per_sequence):
            sharp = _frame(10 * place + number)
            blurry = cv2.blur(sharp, (9, 1))
            for name, image in ((blur_folder, blurry), ("sharp", sharp)):
                write_image(folder / sequence / name / f"{number:06d}.png", image)


class LrGoproTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own checks: registration, tags, writing, reading, features, no pair in two splits."""

    DATASET_CLASS = lr_gopro.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["patches"]
    SPLITS = {"train": 4, "validation": 8}

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        _write_frames(Path(cls.EXAMPLE_DIR), [f"train/GOPR{n}" for n in range(3)], 2)
        super().setUpClass()


@pytest.fixture
def build(tmp_path):
    """Prepare a configuration of the frames in tmp_path/gopro; return the result of `prepare`."""

    def run(name, **fields):
        config = CONFIGS[name]
        if fields:
            config = dataclasses.replace(config, name=f"{name}_other", **fields)
        make_builder = functools.partial(
            lr_gopro.Builder, config=config, data_dir=tmp_path / "data"
        )
        return prepare(make_builder, manual_dir=tmp_path / "gopro")

    return run


def _examples(prepared, split):
    found = prepared.builder.as_dataset(split).as_numpy_iterator()
    return {example["id"].decode(): example for example in found}


def test_patches_are_the_papers(build, tmp_path):
    """A frame of 400x280 px has 2 patches at scale 1 and none below: 0.7 leaves 196 px."""
    _write_frames(tmp_path / "gopro", ["train/GOPR1"])
    prepared = build("paper")
    examples = _examples(prepared, "train")
    assert sorted(examples) == [
        f"train/GOPR1/blur_gamma/000000-100-0000-{left:04d}" for left in (0, 128)
    ]
    example = examples["train/GOPR1/blur_gamma/000000-100-0000-0128"]
    sharp = _frame(0)
    patch = np.s_[:256, 128:384]
    np.testing.assert_array_equal(example["hr"], sharp[patch])
    for feature, image in (("lr", cv2.blur(sharp, (9, 1))), ("lr_sharp", sharp)):
        np.testing.assert_array_equal(example[feature], to_uint8(downscale(image[patch], 4) / 255))
    pair = prepared.builder.info.metadata["pair"]
    assert pair == {"degraded": "lr", "target": "hr", "scale": 4, "extras": {"lr_sharp": 1}}


def test_random_scales_are_drawn_for_each_frame(build, tmp_path):
    """Of three sequences of one frame, two are held out."""
    for number in range(3):
        for name in ("blur_gamma", "sharp"):
            image = _frame(number, 528, 560)
            write_image(tmp_path / f"gopro/train/GOPR{number}/{name}/000000.png", image)
    prepared = build("patches_random")
    scales: dict[str, set[float]] = {}
    for split in ("train", "validation"):
        for name, example in _examples(prepared, split).items():
            frame, label, *_ = name.split("-")
            scales.setdefault(f"{frame} {label}", set()).add(float(example["frame_scale"]))
    assert len(scales) == 9 and {key[-2:] for key in scales} == {"r0", "r1", "r2"}
    assert all(len(found) == 1 for found in scales.values())
    drawn = set.union(*scales.values())
    assert len(drawn) == 9 and min(drawn) >= 0.5 and max(drawn) <= 1


def test_a_720p_frame_has_52_patches(tmp_path):
    _write_frames(tmp_path / "gopro", [])
    folder = tmp_path / "gopro" / "train" / "GOPR1"
    image = np.full((720, 1280, 3), 90, np.uint8)
    for name in ("blur", "sharp"):  # blur_gamma/ is the paper's, blur/ will do.
        write_image(folder / name / "000000.png", image)
    builder = lr_gopro.Builder(config="paper", data_dir=tmp_path / "data")
    plan = builder.plan(tmp_path / "gopro")
    ((group,),) = plan.keys.values()
    assert len(group) == 36 + 12 + 4
    assert {plan.make("train", key) for key in group} == {None}  # No detail: dropped.


def test_two_sequences_validate(build, tmp_path):
    _write_frames(tmp_path / "gopro", [f"train/GOPR{n}" for n in range(4)])
    prepared = build("patches")
    sequences = {
        split: {name.split("/")[1] for name in _examples(prepared, split)}
        for split in ("train", "validation")
    }
    assert [len(found) for found in sequences.values()] == [2, 2]
    assert not sequences["train"] & sequences["validation"]


def test_too_few_sequences_to_validate(build, tmp_path):
    _write_frames(tmp_path / "gopro", ["train/GOPR1", "train/GOPR2"])
    with pytest.raises(ValueError, match="more than 2 sequences to hold 2 out. Got: 2."):
        build("patches")


def test_whole_frames_of_test(build, tmp_path):
    _write_frames(tmp_path / "gopro", ["test/GOPR9"])
    (example,) = _examples(build("frames"), "test").values()
    assert example["hr"].shape == (272, 400, 3)  # A multiple of 16.
    assert example["lr"].shape == example["lr_sharp"].shape == (68, 100, 3)


def test_what_does_not_fit_is_left_out_and_named(build, tmp_path):
    folder = tmp_path / "gopro"
    _write_frames(folder, ["train/GOPR1", "train/GOPR2"], 3)
    (folder / "train/GOPR1/sharp/000001.png").unlink()
    (folder / "train/GOPR2/blur_gamma/000000.png").write_bytes(b"nothing")
    write_image(folder / "train/GOPR2/blur_gamma/000001.png", _frame(0, 300, 300))
    for name in ("blur_gamma", "sharp"):
        write_image(folder / "train/GOPR2" / name / "000002.png", _frame(0, 255, 400))
    (folder / "train/GOPR3/sharp").mkdir(parents=True)
    reasons = dict(build("paper").skipped)
    assert reasons == {
        "train/GOPR3": "must hold blur_gamma/ or blur/, and sharp/. One is missing.",
        "train/GOPR1/blur_gamma/000001.png": "must have a partner in sharp/. There is none.",
        "train/GOPR2/blur_gamma/000000.png": (
            f"must be a picture ({READABLE}). Its first bytes are b'nothing'."
        ),
        "train/GOPR2/blur_gamma/000001.png": (
            "its target must be 300x300 px at scale 1. Got: 400x280."
        ),
        "train/GOPR2/sharp/000002.png": "must be at least 256x256 px. Got: 400x255.",
    }


def test_count_takes_frames_of_train(build, tmp_path):
    _write_frames(tmp_path / "gopro", ["train/GOPR1"], 3)
    prepared = build("paper", count=2)
    assert prepared.notes == ["train: 2 of 3 frames by hash"]
    assert prepared.builder.info.splits["train"].num_examples == 4


def test_each_record_can_be_made_again(build, tmp_path):
    _write_frames(tmp_path / "gopro", ["train/GOPR1"])
    example = _examples(build("paper"), "train")["train/GOPR1/blur_gamma/000000-100-0000-0000"]
    key = Key("train/GOPR1/blur_gamma/000000.png|train/GOPR1/sharp/000000.png", 0)
    made = lr_gopro.make_example(CONFIGS["paper"], str(tmp_path / "gopro"), "train", key)
    assert made.keys() == example.keys()
    for feature in ("lr", "hr", "lr_sharp"):
        np.testing.assert_array_equal(made[feature], example[feature])
