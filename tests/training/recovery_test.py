"""Steps that are not finite: what is recorded, and how a run stops or goes on."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from toy_gan import Toy, toy_experiment

from tfdeblur.data.pipeline import DataConfig
from tfdeblur.images.files import read_image
from tfdeblur.training.callbacks import NonFiniteError
from tfdeblur.training.experiment import load_trained
from tfdeblur.training.flight_record import Operation
from tfdeblur.training.train import train

BAD = "page-5"
COUNT = 8


@pytest.fixture
def config(monkeypatch):
    """An experiment whose objective divides by a pair's brightest pixel."""
    terms_of = Toy.generator_terms

    def relative(self, batch, outputs):
        terms = terms_of(self, batch, outputs)
        brightest = tf.reduce_max(batch["target"], axis=(1, 2, 3))
        pixel = terms["pixel"]
        return {**terms, "pixel": pixel._replace(values=pixel.values / brightest)}

    monkeypatch.setattr(Toy, "generator_terms", relative)
    config = toy_experiment(objective="pixel")
    config.train.steps, config.train.batch_size = 8, 2
    config.train.validate_every, config.train.checkpoint_every = 100, 2
    return config


def _example(number):
    """A pair, of which that of `BAD` is black."""
    rng = np.random.default_rng(number)
    grey = 0 if f"page-{number}" == BAD else 1
    lr, hr = (grey * rng.integers(0, 256, (s, s, 3), np.uint8) for s in (8, 32))
    return {"id": f"page-{number}", "lr": lr.astype(np.uint8), "hr": hr.astype(np.uint8)}


@pytest.fixture
def prepared(config, tmp_path, write_prepared):
    """The pairs on disk."""
    features = {
        name: tfds.features.Image(shape=(side, side, 3), encoding_format="png")
        for name, side in (("lr", 8), ("hr", 32))
    }
    examples = [_example(number) for number in range(COUNT)]
    write_prepared(tmp_path, features, {"train": [examples], "validation": [[_example(9)] * 2]})
    config.data = DataConfig(source="prepared", name="toy_pairs", data_dir=str(tmp_path))
    return config


@pytest.fixture
def in_memory(config, steps_eagerly, monkeypatch):
    """The pairs in memory, trained on without graphs, nor the search for an operation in one."""

    def make_batches(data, *, batch_size, seed, start_step, steps, **_):
        rng = np.random.default_rng(seed)
        order = np.concatenate([rng.permutation(COUNT) for _ in range(2)])
        numbers = order[start_step * batch_size : (start_step + steps) * batch_size]
        examples = [_example(number) for number in numbers]
        degraded, target = (
            np.stack([each[name] / np.float32(255) for each in examples]) for name in ("lr", "hr")
        )
        batches = {"id": [e["id"] for e in examples], "degraded": degraded, "target": target}
        return tf.data.Dataset.from_tensor_slices(batches).batch(batch_size)

    monkeypatch.setattr("tfdeblur.training.batch_stream.make_batches", make_batches)
    monkeypatch.setattr("tfdeblur.training.recovery.find_operation", lambda run_step: Operation())
    return config


def test_a_record_names_the_bad_example_and_what_it_broke(prepared, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(NonFiniteError, match=BAD) as caught:
        train(prepared, run)
    step = caught.value.step
    folder = run / "flight_records" / f"step-{step}"
    record = json.loads((folder / "record.json").read_text())
    assert record["step"] == step
    assert {"loss", "pixel", "gradient_norm"} <= set(record["not_finite"])
    assert "truediv" in record["first_operation"], record["first_operation"]
    bad = [sample for sample in record["samples"] if sample["not_finite"]]
    assert [(sample["id"], sample["not_finite"]) for sample in bad] == [(BAD, ["pixel"])]
    with np.load(folder / "batch.npz") as batch:
        place = list(batch["id"]).index(BAD)
        assert batch["target"].shape == (2, 32, 32, 3)
        assert not batch["target"][place].any() and batch["target"][1 - place].any()
    (picture,) = (folder / "samples").glob(f"*{BAD}-target.png")
    assert not read_image(picture).any()
    with (folder / "scalars.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows if row["name"] == "loss"] == list(range(1, step + 1))
    assert not np.isfinite(float(rows[-1]["value"]))
    # What is left can be used.
    trained = load_trained(run, "latest")
    assert trained.step == (step - 1) // 2 * 2
    assert all(np.isfinite(weight).all() for weight in trained.generator.get_weights())


def test_a_run_rolls_back_and_redraws_the_batch(in_memory, tmp_path):
    """From another seed; it then ends like a run that was interrupted after the rolling back."""
    in_memory.train.on_non_finite = "roll_back"
    in_memory.train.steps, in_memory.train.most_rollbacks = 4, 100
    run = tmp_path / "run"
    result = train(in_memory, run)
    assert result["step"] == 4
    redrawn = {int(k): v for k, v in json.loads((run / "redrawn.json").read_text()).items()}
    assert redrawn, "four steps of two pairs meet each of eight pairs"
    records = {path.name for path in (run / "flight_records").iterdir()}
    assert records == {f"step-{batch + 1}" for batch in redrawn}
    assert all(np.isfinite(w).all() for w in load_trained(run, "latest").generator.get_weights())
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "redrawn.json").write_text((run / "redrawn.json").read_text())
    assert train(in_memory, tmp_path / "again")["weights_sha256"] == result["weights_sha256"]


def test_rolling_back_ends_after_so_many_times(in_memory, tmp_path):
    in_memory.train.on_non_finite, in_memory.train.most_rollbacks = "roll_back", 0
    with pytest.raises(NonFiniteError, match=BAD):
        train(in_memory, tmp_path / "run")
    assert not (tmp_path / "run" / "redrawn.json").exists()
