"""What surrounds a tool: help, flags that come and go, exit codes, errors in one line."""

import sys
from types import ModuleType

import numpy as np
import pytest
from absl import flags

from tfdeblur.command_line.verbs import Verb
from tfdeblur.images.resize import resize_bicubic
from tfdeblur_tools.main import VERBS, main


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


def test_help_of_a_verb(tool, capsys):
    assert main(["help", "toy"]) == 0
    assert capsys.readouterr().out.startswith("Toy: what it is for.")


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


def test_interrupt(tool, capsys):
    def interrupt(argv):
        raise KeyboardInterrupt

    tool.main = interrupt
    assert main(["toy"]) == 130
    assert capsys.readouterr().err == "tfdeblur toy: interrupted\n"


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
