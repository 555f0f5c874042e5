"""`tfdeblur benchmark data`: flags in; tables, figures and exit codes out."""

import json
import re
from importlib import metadata

import numpy as np
import pytest

from tfdeblur.benchmarks import data
from tfdeblur.images.files import write_image


def test_recipes_are_timed_in_a_process_with_one_thread(run, tmp_path):
    write_image(tmp_path / "photos" / "a.png", np.full((40, 50, 3), 90, np.uint8))
    quick = ("--rounds=2", "--seconds=0.01", f"--json={tmp_path / 'speed.json'}")
    images = f"--images={tmp_path / 'photos'}"
    code, out, err = run("benchmark", "data", "--recipe=scgan_face,spline_kernel", images, *quick)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[2] == "Pairs per second and core, one thread: median (least-most)"
    rate = r" +[\d.]+ \([\d.]+-[\d.]+\)"
    assert re.fullmatch(f"scgan_face{rate}{rate}{rate}", lines[4])
    measured = json.loads((tmp_path / "speed.json").read_text())
    assert [result["name"] for result in measured["recipes"]] == ["scgan_face", "spline_kernel"]
    assert set(measured) == {"machine", "recipes"}
    assert str(tmp_path) not in json.dumps(measured)


def test_one_thread_is_asked_for(run, monkeypatch):
    """What numpy's BLAS reads when it is loaded."""
    seen = {}

    def start(command, env, **arguments):
        seen.update(env)
        return data.subprocess.CompletedProcess(command, 0, '{"error": "stop here"}')

    monkeypatch.setattr(data.subprocess, "run", start)
    code, out, err = run("benchmark", "data", "--recipe=gfn")
    assert (code, out, err) == (2, "", "tfdeblur benchmark data: stop here\n")
    assert seen["OMP_NUM_THREADS"] == seen["OPENBLAS_NUM_THREADS"] == "1"


def test_reading_is_timed(run, tmp_path):
    import tensorflow_datasets as tfds

    rng = np.random.default_rng(0)
    sizes = {"lr": (6, 8, 3), "hr": (24, 32, 3)}
    examples = [
        (
            number,
            {name: rng.integers(0, 256, size, np.uint8) for name, size in sizes.items()}
            | {"id": f"{number}"},
        )
        for number in range(9)
    ]
    images = {name: tfds.features.Image(shape=size) for name, size in sizes.items()}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="toy_pairs",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"id": tfds.features.Text(), **images}),
        split_datasets={"train": iter(examples)},
        data_dir=str(tmp_path),
    )
    figures = tmp_path / "reading.json"
    reading = ("--prepared=toy_pairs", f"--data_dir={tmp_path}", "--batch_size=4", "--rounds=2")
    code, out, err = run("benchmark", "data", *reading, "--seconds=0.05", f"--json={figures}")
    assert code == 0, err
    assert "toy_pairs train, batches of 4, " in out
    measured = json.loads(figures.read_text())
    batches, pairs = measured["batches_per_second"], measured["pairs_per_second"]
    assert pairs["median"] == pytest.approx(4 * batches["median"])
    assert 0 < batches["least"] <= batches["most"]
    assert measured["cores_used"] > 0
    assert measured["machine"]["tensorflow"] == metadata.version("tensorflow")

    code, out, err = run("benchmark", "data", *reading, "--split=night")
    assert (code, out) == (2, "")
    assert err == "tfdeblur benchmark data: `toy_pairs` has the splits train. Got: 'night'.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe=srgan",), "`recipe` must be some of scgan_text, "),
        (("--seconds=0",), "`seconds` must be positive and finite. Got: 0.0."),
        (("--images=nowhere",), "`images` must be a folder. Got: 'nowhere'."),
        (("--rounds=0",), "flag --rounds=0: 0 is not a positive integer"),
        (("--json=",), "--json must not be empty."),
        (("gfn",), "takes no argument but flags. Got: 'gfn'."),
        (("--prepared=nothing", "--data_dir=."), "`nothing` is "),
    ],
)
def test_wrong_flags(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("benchmark", "data", *arguments)
    assert (code, out) == (2, "")
    assert message in err
