"""Restore, train, evaluate and export: `tfdeblur VERB --help` says more about each verb.

Imports one tool, the one that is asked for. Its flags live in absl's global FLAGS while it runs and
are removed afterwards, so that several tools can run in one process.
"""

import importlib
import logging as python_logging
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType

from absl import flags, logging

import tfdeblur

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # exit codes; a tool's own are passed on
HELP = ("--help", "-help", "-h", "--helpshort", "-helpshort", "--helpfull", "-helpfull")


@dataclass(frozen=True)
class Verb:
    """A tool behind the console command.

    Attributes:
      module: its file in tools/.
      summary: its line in the list of verbs.
      modules: what it cannot run without, beyond the light install; the extra `train` has it.
    """

    module: str
    summary: str
    modules: tuple[str, ...] = ()


_TRAIN = ("tensorflow", "tensorflow_datasets", "ml_collections")

VERBS = {
    "restore": Verb("restore", "Restore photographs: files and folders in, sharp ones out."),
    "models": Verb("models", "List the models that come with tfdeblur, or show one's card."),
    "data": Verb("prepare_data", "Make, or check, a data set for training and evaluation."),
    "train": Verb("train", "Train a model, or go on with a run.", _TRAIN),
    "evaluate": Verb("evaluate", "Score a model beside the trivial baseline."),
    "export": Verb("export", "Write a trained model as SavedModel and TFLite.", _TRAIN),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tfdeblur ARGUMENTS`.

    Args:
      argv: what follows `tfdeblur` on the command line; by default that of this process.

    Returns:
      The exit code: 2 for a usage error, else the tool's.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in (*HELP, "help"):
        print(overview())
        return OK
    if arguments[0] == "--version":
        print(tfdeblur.__version__)
        return OK
    # TensorFlow reports missing GPU libraries on every CPU machine; its exceptions still reach us.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name, *rest = arguments
    if name not in VERBS:
        print(f"tfdeblur: unknown verb {name!r}; one of {', '.join(VERBS)}.", file=sys.stderr)
        return USAGE
    try:
        status = _run(name, rest)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has left: nothing must be flushed into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tfdeblur"):
            raise
        return _needs_extra(name, error.name)
    except KeyboardInterrupt:
        print(f"tfdeblur {name}: interrupted", file=sys.stderr)
        return INTERRUPTED


def overview() -> str:
    """Return the list of verbs."""
    verbs = "\n".join(f"  {name:10}{verb.summary}" for name, verb in VERBS.items())
    return (
        f"tfdeblur {tfdeblur.__version__}: sharper and larger pictures of text.\n\n"
        f"  tfdeblur VERB [ARGUMENTS]\n\n{verbs}\n\n`tfdeblur VERB --help` explains a verb."
    )


def _run(name: str, arguments: list[str]) -> int:
    verb = VERBS[name]
    before_dashes = arguments[: arguments.index("--")] if "--" in arguments else arguments
    asked = [argument for argument in before_dashes if argument in HELP]
    missing = [module for module in verb.modules if find_spec(module) is None]
    if missing and not asked:
        return _needs_extra(name, missing[0])
    tool = importlib.import_module(f"tfdeblur_tools.{verb.module}")
    if asked:
        print(_full_help() if "helpfull" in asked[0] else tool_help(tool))
        return OK
    rewrite = getattr(tool, "resolve_config", str)
    command = [f"tfdeblur {name}", *map(rewrite, arguments)]
    with _flags_of(tool, command):
        try:
            positional = flags.FLAGS(command)
        # The last three are a config file's: no such field, no get_config(), no such file.
        except (flags.Error, KeyError, AttributeError, OSError) as error:
            print(f"tfdeblur {name}: {_without_traceback(error)}", file=sys.stderr)
            print(f"See tfdeblur {name} --help.", file=sys.stderr)
            return USAGE
        empty = [flag for flag in flags.FLAGS if flags.FLAGS[flag].value == ""]
        empty = [flag for flag in empty if flags.FLAGS[flag].default is None]
        if empty:
            print(f"tfdeblur {name}: --{empty[0]} must not be empty.", file=sys.stderr)
            return USAGE
        _start_logging()
        try:
            return tool.main(positional) or OK
        except BrokenPipeError:
            raise
        except (ValueError, OSError) as error:
            logging.debug("Where it happened:", exc_info=True)
            ours = type(error).__module__.startswith("tfdeblur")
            hint = "" if ours or flags.FLAGS.verbosity > 0 else " (--verbosity=1 shows where)"
            print(f"tfdeblur {name}: {error}{hint}", file=sys.stderr)
            return FAILED


def _without_traceback(error: Exception) -> str:
    """Return the message of an error in the flags; of a config file's own error, what and where."""
    message = str(error) if isinstance(error, OSError) else str(error.args[0])
    flag, cut, rest = message.partition("Error whilst parsing config file:")
    if not cut:
        return message
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    places = [line for line in lines if line.startswith('File "')]
    return f"{flag}{lines[-1]} ({places[-1]})" if places else f"{flag}{lines[-1]}"


def _needs_extra(name: str, module: str | None) -> int:
    print(
        f"tfdeblur {name}: needs the extra `train` ({module} is missing): "
        "pip install 'tfdeblur[train]'",
        file=sys.stderr,
    )
    return FAILED


@contextmanager
def _flags_of(tool: ModuleType, command: list[str]) -> Iterator[None]:
    """Define a tool's flags in FLAGS for a while; `sys.argv` is where config flags look."""
    values, argv = flags.FLAGS, sys.argv
    before, own = set(values), set[str]()
    try:
        sys.argv = command
        tool.define_flags(values)
        own = set(values) - before
        yield
    finally:
        sys.argv = argv
        for flag in set(values) - before:
            if flag in own or flag.partition(".")[0] in own:  # config.train.steps is `config`'s
                delattr(values, flag)


def _start_logging() -> None:
    """Log as absl programs do: to standard error, from INFO on unless --verbosity says else."""
    if flags.FLAGS["verbosity"].using_default_value:
        flags.FLAGS.verbosity = 0
    if not any(isinstance(each, logging.ABSLHandler) for each in python_logging.root.handlers):
        logging.use_absl_handler()


def tool_help(tool: ModuleType) -> str:
    """Return a tool's docstring and its own flags."""
    values = flags.FlagValues()
    tool.define_flags(values)
    lines = [(tool.__doc__ or "").strip(), *(["", "Flags:"] if len(values) else [])]
    for name in sorted(
        {values[name].name for name in values}
    ):  # a short form is no flag of its own
        flag = values[name]
        shown = f"--[no]{name}" if flag.boolean else f"--{name}=…"
        default = "" if flag.default is None else f" (default: {flag.default_as_str})"
        about = textwrap.wrap(f"{flag.help}{default}", 72)
        lines += [f"  {shown}", *(f"      {line}" for line in about)]
    return "\n".join([*lines, "", "--helpfull lists absl's own flags, such as --verbosity=1."])


def _full_help() -> str:
    """Return absl's own flags and what modules that are loaded have defined."""
    return flags.FLAGS.get_help()


if __name__ == "__main__":
    sys.exit(main())
