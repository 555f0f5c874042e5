"""The program `tfdeblur`: its verbs, their help without TensorFlow, what it refuses."""

import importlib
import json
import os
import subprocess
import sys

import pytest

import tfdeblur
from tfdeblur.command_line import dispatch
from tfdeblur.command_line.verbs import table
from tfdeblur.extras import install_command
from tfdeblur_tools.main import VERBS, main


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_verbs_are_listed(arguments, capsys):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, verb in VERBS.items():
        assert f"  {name:16}{verb.summary}" in lines
    assert {"data build", "train", "evaluate", "export", "restore", "models"} <= set(VERBS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == tfdeblur.__version__


def test_unknown_verb(capsys):
    assert main(["sharpen", "a.png"]) == 2
    assert capsys.readouterr().err == f"tfdeblur: unknown verb 'sharpen'.\n\n{table(VERBS)}\n"


@pytest.mark.parametrize(
    ("given", "meant"),
    [("restor", "restore"), ("trian", "train"), ("benchmark-data", "benchmark data")],
)
def test_a_verb_that_could_be_meant_is_suggested(given, meant, capsys):
    assert main([given]) == 2
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"tfdeblur: unknown verb {given!r}. Did you mean `")
    assert f"`{meant}`" in first and first.count("`") <= 4


@pytest.mark.parametrize(
    ("arguments", "code"), [(["data"], 2), (["data", "sort"], 2), (["data", "--help"], 0)]
)
def test_half_a_verb_lists_its_other_halves(arguments, code, capsys):
    assert main(arguments) == code
    captured = capsys.readouterr()
    told = captured.err if code else captured.out
    listed = [" ".join(line.split()[:2]) for line in told.splitlines()]
    assert listed == ["data list", "data build", "data show", "data check", "data kernels"]


@pytest.fixture(scope="module")
def helped():
    """Ask every verb for help in one process: {verb: [exit code, output, what was loaded]}."""
    code = (
        "import contextlib, io, json, sys; from tfdeblur_tools.main import VERBS, main\n"
        "told = {}\n"
        "for verb in VERBS:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as output:\n"
        "        status = main([*verb.split(), '--help'])\n"
        "    loaded = {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
        "    told[verb] = [status, output.getvalue(), sorted(loaded)]\n"
        "print(json.dumps(told))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_tensorflow(helped, verb):
    """Exit code 0, the module's docstring, its flags and not absl's."""
    status, output, loaded = helped[verb]
    module = importlib.import_module(f"tfdeblur_tools.{VERBS[verb].module}")
    assert (status, loaded) == (0, [])
    assert (module.__doc__ or "").strip() in output
    assert f"tfdeblur {verb}" in output and "--logtostderr" not in output


def test_reader_that_leaves_is_no_error():
    """As with `tfdeblur models | head`."""
    code = "import sys; from tfdeblur_tools.main import main; sys.exit(main(['restore', '--help']))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "content, message",
    [
        ("def get_config(variant=''):\n    raise ValueError(f'no {variant}')\n", "no such"),
        ("x = 1\n", "no attribute 'get_config'"),
        ("import nosuch\n", "No module named 'nosuch'"),
    ],
)
def test_errors_of_a_config_file_are_one_line(content, message, tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "config_config", raising=False)  # What ml_collections left.
    path = tmp_path / "mine.py"
    path.write_text(content)
    assert main(["train", f"--config={path}:such", f"--workdir={tmp_path}/run"]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert len(error.splitlines()) == 2  # The second names --help.


@pytest.mark.parametrize("arguments", [["--config", "scgan_text"], ["--config=nosuch.py"]])
def test_config_that_cannot_be_found_is_one_line(arguments, capsys):
    assert main(["train", *arguments, "--workdir=run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tfdeblur train: `--config`") and len(error.splitlines()) == 2


@pytest.mark.parametrize("verb", ["train", "export"])
def test_missing_extra_is_named(verb, monkeypatch, capsys):
    real = dispatch.find_spec
    monkeypatch.setattr(
        dispatch, "find_spec", lambda name: None if name == "tensorflow" else real(name)
    )
    assert main([verb]) == 1
    assert capsys.readouterr().err == (
        f"tfdeblur {verb}: needs the extra `train` (tensorflow is missing): "
        f"{install_command('train')}\n"
    )


@pytest.mark.parametrize(
    "command",
    [["train", "--config=scgan_text", "--workdir="], ["evaluate", "--data=", "--model=m"]],
)
def test_empty_values_are_usage_errors(command, capsys):
    assert main(command) == 2
    assert "must not be empty" in capsys.readouterr().err
