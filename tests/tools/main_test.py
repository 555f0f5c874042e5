"""The console command: verbs, help without TensorFlow, exit codes, several tools in a process."""

import importlib
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from absl import flags

import tfdeblur
from tfdeblur.images.resize import resize_bicubic
from tfdeblur_tools import main as dispatcher
from tfdeblur_tools.main import VERBS, Verb, main


@pytest.fixture
def tool(monkeypatch):
    """A tool `toy` that answers with its --code, or raises its --error."""
    module = ModuleType("tfdeblur_tools.toy")
    module.__doc__ = "Toy: what it is for."
    module.seen = []

    def define_flags(flag_values):
        flags.DEFINE_integer("code", 0, "what to return", flag_values=flag_values)
        flags.DEFINE_string(
            "model", None, "a flag that other tools have, too", flag_values=flag_values
        )
        flags.DEFINE_bool("quiet", True, "hush", short_name="q", flag_values=flag_values)

    def run(argv):
        module.seen.append((argv, flags.FLAGS.code, flags.FLAGS.model, list(sys.argv)))
        return flags.FLAGS.code or None

    module.define_flags, module.main = define_flags, run
    monkeypatch.setitem(sys.modules, "tfdeblur_tools.toy", module)
    monkeypatch.setitem(VERBS, "toy", Verb("toy", "A toy."))
    return module


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
    assert capsys.readouterr().err == (
        f"tfdeblur: unknown verb 'sharpen'; one of {', '.join(VERBS)}.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code"), [(["data"], 2), (["data", "sort"], 2), (["data", "--help"], 0)]
)
def test_half_a_verb_lists_its_other_halves(arguments, code, capsys):
    assert main(arguments) == code
    captured = capsys.readouterr()
    told = captured.err if code else captured.out
    listed = [" ".join(line.split()[:2]) for line in told.splitlines()]
    assert listed == ["data list", "data build", "data show", "data check", "data kernels"]


def test_help_of_a_verb(tool, capsys):
    assert main(["help", "toy"]) == 0
    assert capsys.readouterr().out.startswith("Toy: what it is for.")


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_tensorflow(verb):
    """In a process of its own: exit code 0, the module's docstring, its flags and not absl's."""
    code = (
        "import sys; from tfdeblur_tools.main import main\n"
        f"status = main([*{verb.split()!r}, '--help'])\n"
        "print('LOADED', {'tensorflow', 'keras', 'numpy'} & set(sys.modules), status)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    module = importlib.import_module(f"tfdeblur_tools.{VERBS[verb].module}")
    assert (module.__doc__ or "").strip() in result.stdout
    assert "LOADED set() 0" in result.stdout
    assert f"tfdeblur {verb}" in result.stdout and "--logtostderr" not in result.stdout


def test_help_lists_the_tools_own_flags(tool, capsys):
    assert main(["toy", "--code=7", "--help"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Toy: what it is for.",
        "",
        "Flags:",
        "  --code=…",
        "      what to return (default: '0')",
        "  --model=…",
        "      a flag that other tools have, too",
        "  --[no]quiet",
        "      hush (default: 'true')",
        "",
        "--helpfull lists absl's own flags, such as --verbosity=1.",
    ]
    assert tool.seen == []


def test_helpfull_lists_absls_flags(tool, capsys):
    assert main(["toy", "--helpfull"]) == 0
    assert "--[no]logtostderr" in capsys.readouterr().out


def test_exit_codes_are_passed_on(tool):
    assert main(["toy"]) == 0
    assert main(["toy", "--code=1"]) == 1
    assert main(["toy", "--code=9"]) == 9


def test_arguments_reach_the_tool_and_flags_leave_nothing(tool, monkeypatch):
    before, argv = set(flags.FLAGS), list(sys.argv)
    assert main(["toy", "a.png", "--code=3", "-q", "b.png", "--", "--c.png"]) == 3
    assert main(["toy", "--model=m"]) == 0
    (first, code, model, command), (second, *_) = tool.seen
    assert first == ["tfdeblur toy", "a.png", "b.png", "--c.png"] and second == ["tfdeblur toy"]
    assert (code, model, command[0]) == (3, None, "tfdeblur toy")
    assert tool.seen[1][2] == "m"
    assert set(flags.FLAGS) == before and sys.argv == argv


def test_help_behind_dashes_is_an_argument(tool):
    assert main(["toy", "--", "--help"]) == 0
    assert tool.seen[0][0] == ["tfdeblur toy", "--help"]


def test_bad_flags(tool, capsys):
    assert main(["toy", "--code=many"]) == 2
    assert main(["toy", "--kode=1"]) == 2
    errors = capsys.readouterr().err
    assert "--code=many" in errors and "Unknown command line flag 'kode'" in errors
    assert "See tfdeblur toy --help." in errors


def test_expected_errors_are_one_line(tool, capsys):
    def fail(argv):
        raise ValueError("`width` must be even. Got: 3.")

    def fail_in_tfdeblur(argv):
        resize_bicubic(np.zeros((2, 2)), (0, 1))

    tool.main = fail
    assert main(["toy"]) == 1
    error = capsys.readouterr().err
    assert error == "tfdeblur toy: `width` must be even. Got: 3. (--verbosity=1 shows where)\n"

    tool.main = fail_in_tfdeblur
    assert main(["toy"]) == 1
    error = capsys.readouterr().err
    assert error == "tfdeblur toy: `size` must be at least (1, 1). Got: (0, 1).\n"


def test_bugs_show_their_traceback(tool):
    def fail(argv):
        raise KeyError("bug")

    tool.main = fail
    with pytest.raises(KeyError, match="bug"):
        main(["toy"])


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


def test_interrupt(tool, capsys):
    def interrupt(argv):
        raise KeyboardInterrupt

    tool.main = interrupt
    assert main(["toy"]) == 130
    assert capsys.readouterr().err == "tfdeblur toy: interrupted\n"


@pytest.mark.parametrize("verb", ["train", "export"])
def test_missing_extra_is_named(verb, monkeypatch, capsys):
    real = dispatcher.find_spec
    monkeypatch.setattr(
        dispatcher, "find_spec", lambda name: None if name == "tensorflow" else real(name)
    )
    assert main([verb]) == 1
    assert capsys.readouterr().err == (
        f"tfdeblur {verb}: needs the extra `train` (tensorflow is missing): "
        "pip install 'tfdeblur[train]'\n"
    )


def test_missing_module_is_named_when_it_is_met(tool, capsys):
    def need(argv):
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    tool.main = need
    assert main(["toy"]) == 1
    assert "needs the extra `train` (keras is missing)" in capsys.readouterr().err


def test_config_overrides_come_and_go(tmp_path, monkeypatch, tool):
    """Config flags read sys.argv, and add a flag per overridden field."""
    from ml_collections import config_flags

    (tmp_path / "config.py").write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config():\n  return ConfigDict({'train': {'steps': 10}})\n"
    )
    tool.define_flags = lambda values: config_flags.DEFINE_config_file("config", flag_values=values)
    steps = []
    tool.main = lambda argv: steps.append(flags.FLAGS.config.train.steps)
    before = set(flags.FLAGS)
    for override in (["--config.train.steps=3"], []):
        assert main(["toy", f"--config={tmp_path / 'config.py'}", *override]) == 0
    assert steps == [3, 10]
    assert set(flags.FLAGS) == before


@pytest.mark.parametrize(
    "command",
    [["train", "--config=scgan_text", "--workdir="], ["evaluate", "--data=", "--model=m"]],
)
def test_empty_values_are_usage_errors(command, capsys):
    assert main(command) == 2
    assert "must not be empty" in capsys.readouterr().err
