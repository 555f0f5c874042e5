"""`tfdeblur evaluate`: folders, prepared data and runs in; scores, report and exit code out."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from absl import flags
from PIL import Image

from tfdeblur.evaluation.protocols import DEFAULT, PROTOCOLS
from tfdeblur_tools import evaluate
from tfdeblur_tools.main import main


def _enlarge(image):
    return image.repeat(4, axis=0).repeat(4, axis=1)


@pytest.fixture
def folder(tmp_path):
    """Three pairs of pages, twelve pixels high, whose truth is the enlarged input."""
    rng = np.random.default_rng(0)
    for side in ("lr", "hr"):
        (tmp_path / "pairs" / side).mkdir(parents=True)
    for name in "abc":
        lr = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        Image.fromarray(lr).save(tmp_path / "pairs" / "lr" / f"{name}.png")
        Image.fromarray(_enlarge(lr)).save(tmp_path / "pairs" / "hr" / f"{name}.png")
    return tmp_path / "pairs"


@pytest.fixture
def run(monkeypatch):
    """Run `tfdeblur evaluate`; the model "repeat" repeats pixels."""
    real = evaluate.load_model

    def load(model, checkpoint, runtime):
        if model == "repeat":
            return SimpleNamespace(restore=_enlarge, scale=4)
        return real(model, checkpoint, runtime)

    monkeypatch.setattr(evaluate, "load_model", load)
    return lambda *arguments: main(["evaluate", *arguments])


def test_folder(run, folder, tmp_path, capsys):
    assert run("--model=repeat", f"--data={folder}", f"--output={tmp_path / 'report'}") == 0
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["restored"]["psnr"] == 100.0 and summary["restored"]["ssim"] == 1.0
    assert 5 < summary["baseline"]["psnr"] < 40
    assert (summary["model"], summary["data"]) == ("repeat", str(folder))
    assert (summary["count"], summary["protocol"]) == (3, "rgb")
    assert (tmp_path / "report" / "per_image.csv").exists()
    assert (tmp_path / "report" / "grid.png").exists()
    printed = capsys.readouterr().out
    assert "bicubic" in printed and "100.00" in printed and "protocol `rgb`" in printed


def test_limit(run, folder, capsys):
    assert run("--model=repeat", f"--data={folder}", "--limit=2", "--protocol=y") == 0
    assert "2 image(s), x4; protocol `y`: MATLAB luma" in capsys.readouterr().out


def test_broken_pair_is_reported_and_the_exit_code_says_so(run, folder, capsys):
    (folder / "lr" / "b.png").write_bytes(b"\x89PNG broken")
    assert run("--model=repeat", f"--data={folder}") == 1
    printed = capsys.readouterr().out
    assert "2 image(s)" in printed
    assert "FAILED" in printed and "b.png" in printed


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "hr" / "c.png").unlink(), "c.png: no partner in"),
        (lambda folder: (folder / "hr").rename(folder / "truth"), "must hold lr/ and hr/. No hr/"),
    ],
)
def test_bad_folder_is_one_clear_line(run, folder, capsys, spoil, message):
    spoil(folder)
    assert run("--model=repeat", f"--data={folder}") == 1
    error = capsys.readouterr().err
    assert error.startswith("tfdeblur evaluate: ") and message in error


def test_neither_folder_nor_prepared(run, tmp_path, capsys):
    assert run("--model=repeat", "--data=no_such_text/pages", f"--data_dir={tmp_path}") == 1
    assert "`no_such_text/pages` is neither a folder nor prepared in" in capsys.readouterr().err


def test_prepared_data(run, tmp_path, capsys):
    import tensorflow_datasets as tfds

    lr = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    examples = [(i, {"id": f"page{i}", "lr": lr, "hr": _enlarge(lr)}) for i in range(2)]
    image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="toy_pages",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"id": tfds.features.Text(), "lr": image, "hr": image}),
        split_datasets={"validation": iter(examples)},
        data_dir=str(tmp_path),
    )
    arguments = ["--model=repeat", "--data=toy_pages", f"--data_dir={tmp_path}"]
    assert run(*arguments, "--split=validation") == 0
    assert "2 image(s)" in capsys.readouterr().out
    assert run(*arguments) == 1
    assert "has the splits validation. Got: 'test'" in capsys.readouterr().err


def test_run_folder_is_scored_through_the_training_code(run, folder, tmp_path, monkeypatch):
    """A run's generator answers in [0, 1]; here it repeats pixels, so that its score is perfect.

    It sees the 3x4 inputs as exported models do: mirrored up to the smallest size, 6x6.
    """
    import tensorflow as tf

    from tfdeblur.training import experiment

    def generator(images, training):
        assert not training and images.dtype == tf.float32
        with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(images)[1:3], [6, 6])]):
            images = tf.identity(images)
        return tf.repeat(tf.repeat(images, 4, axis=1), 4, axis=2)

    def load_trained(workdir, which):
        assert (workdir, which) == (str(tmp_path / "run"), "latest")
        config = SimpleNamespace(
            scale=4, halo=1, size_multiple=2, minimum_size=6, fixed_input_size=None
        )
        return SimpleNamespace(generator=generator, model_config=config)

    monkeypatch.setattr(experiment, "load_trained", load_trained)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    output = tmp_path / "report"
    arguments = [f"--model={tmp_path / 'run'}", "--checkpoint=latest", f"--data={folder}"]
    assert run(*arguments, f"--output={output}") == 0
    assert json.loads((output / "summary.json").read_text())["restored"]["psnr"] == 100.0


def test_exported_models_go_through_the_restorer(run, folder, monkeypatch, capsys):
    from tfdeblur.inference.restorer import Restorer

    def load(name, runtime="auto"):
        assert (name, runtime) == ("some_model", "litert")
        return SimpleNamespace(restore=_enlarge, scale=4)

    monkeypatch.setattr(Restorer, "load", load)
    assert run("--model=some_model", f"--data={folder}", "--runtime=litert") == 0
    assert "100.00" in capsys.readouterr().out


def test_protocols_on_the_command_line_are_all_there_are():
    values = flags.FlagValues()
    evaluate.define_flags(values)
    assert tuple(values["protocol"].parser.enum_values) == PROTOCOLS
    assert values["protocol"].default == DEFAULT


def test_usage_errors(run, capsys):
    assert run("--data=x") == 2
    assert "--model must have a value" in capsys.readouterr().err
    assert run("--model=repeat", "--data=x", "--protocol=ycbcr") == 2
    assert "<rgb|rgb_crop|y|y_crop>" in capsys.readouterr().err


def test_help_is_fast_to_start():
    """Neither the module nor its flags import TensorFlow, or anything else of ours."""
    code = (
        "import sys; from absl import flags; from tfdeblur_tools import evaluate;"
        "evaluate.define_flags(flags.FlagValues());"
        "assert not {'tensorflow', 'tfdeblur', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "summary.json, per_image.csv and grid.png" in evaluate.__doc__


def test_folders_are_scored_without_tensorflow(folder, tmp_path):
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['tensorflow_datasets'] = None\n"
        "from tfdeblur.data.pairs import read_pair_folder\n"
        "from tfdeblur.evaluation.evaluate import evaluate, make_baseline\n"
        "pairs = read_pair_folder(sys.argv[1])\n"
        "summary = evaluate(lambda image: make_baseline(image, 4), pairs, 4, output=sys.argv[2])\n"
        "assert summary['count'] == 3 and summary['gain']['psnr']['mean'] == 0\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder), str(tmp_path / "out")], check=True)
    assert (tmp_path / "out" / "grid.png").exists()
