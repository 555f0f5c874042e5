"""Restore, train, evaluate and export: `tfdeblur VERB --help` says more about each verb.

A verb is one word or two, such as `data build`. Imports only the requested tool. Its flags live in
absl's global FLAGS while it runs and are removed afterwards, so several tools can run in one
process.
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

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # Exit codes; a tool's own are passed through.
HELP = ("--help", "-help", "-h", "--helpshort", "-helpshort", "--helpfull", "-helpfull")


@dataclass(frozen=True)
class Verb:
    """A tool behind the console command.

    Attributes:
      module: its file in tools/.
      summary: its line in the list of verbs.
      modules: modules it needs beyond the light install; the extra `train` has them.
    """

    module: str
    summary: str
    modules: tuple[str, ...] = ()


_TRAIN = ("tensorflow", "tensorflow_datasets", "ml_collections")

VERBS = {
    "restore": Verb("restore", "Restore photographs: files and folders in, sharp ones out."),
    "models": Verb("models", "List the models that come with tfdeblur, or show one's card."),
    "data list": Verb("data_list", "List the data sets that can be built.", _TRAIN),
    "data build": Verb("data_build", "Make a data set for training and evaluation.", _TRAIN),
    "data show": Verb("data_show", "Draw examples of prepared data.", _TRAIN),
    "data check": Verb("data_check", "Find what is wrong with pairs of images."),
    "data kernels": Verb("data_kernels", "Draw, keep and show blur kernels."),
    "train": Verb("train", "Train a model, or go on with a run.", _TRAIN),
    "trial": Verb("trial", "Try an experiment: can it learn, does it stay finite?", _TRAIN),
    "evaluate": Verb("evaluate", "Score a model beside the trivial baseline."),
    "export": Verb("export", "Write a trained model as SavedModel and TFLite.", _TRAIN),
    "benchmark data": Verb("benchmark_data", "Time how training pairs are made or read.", _TRAIN),
    "benchmark train": Verb("benchmark_train", "Time a training's step on this machine.", _TRAIN),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tfdeblur ARGUMENTS`.

    Args:
      argv: the arguments after `tfdeblur`; by default those of this process.

    Returns:
      The exit code: 2 for a usage error, else the tool's.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [*arguments[1:], "--help"]
    if not arguments or arguments[0] in (*HELP, "help"):
        print(overview())
        return OK
    if arguments[0] == "--version":
        print(tfdeblur.__version__)
        return OK
    # TensorFlow logs missing GPU libraries on every CPU machine; its exceptions still reach us.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name, rest = split_verb(arguments)
    if name not in VERBS:
        return _unknown(name, rest)
    try:
        status = _run(name, rest)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of the output, such as `head`, has exited: do not flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tfdeblur"):
            raise
        return _needs_extra(name, error.name)
    except KeyboardInterrupt:
        print(f"tfdeblur {name}: interrupted", file=sys.stderr)
        return INTERRUPTED


def split_verb(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Split a command line into its verb, two words if such a verb exists, and the rest."""
    two_words = " ".join(arguments[:2])
    words = 2 if two_words in VERBS else 1
    return " ".join(arguments[:words]), list(arguments[words:])


def _unknown(name: str, rest: Sequence[str]) -> int:
    """Print the verbs that could have been meant; `tfdeblur data --help` is not an error."""
    family = {verb: VERBS[verb] for verb in VERBS if verb.split()[0] == name}
    if not family:
        print(f"tfdeblur: unknown verb {name!r}; one of {', '.join(VERBS)}.", file=sys.stderr)
        return USAGE
    asked = bool(rest) and rest[0] in HELP
    print(_table(family), file=sys.stdout if asked else sys.stderr)
    return OK if asked else USAGE


def _table(verbs: dict[str, Verb]) -> str:
    return "\n".join(f"  {name:16}{verb.summary}" for name, verb in verbs.items())


def overview() -> str:
    """Return the list of verbs."""
    return (
        f"tfdeblur {tfdeblur.__version__}: sharper and larger pictures of text.\n\n"
        f"  tfdeblur VERB [ARGUMENTS]\n\n{_table(VERBS)}\n\n`tfdeblur VERB --help` explains a verb."
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
    try:
        command = [f"tfdeblur {name}", *map(rewrite, arguments)]
    except SystemExit as error:
        return _misused(name, str(error))
    with _flags_of(tool, command):
        try:
            positional = flags.FLAGS(command)
        # The last four come from a config file: no such field, get_config(), file, or module.
        except (flags.Error, KeyError, AttributeError, OSError, ImportError) as error:
            return _misused(name, _without_traceback(error))
        empty = [flag for flag in flags.FLAGS if flags.FLAGS[flag].value == ""]
        empty = [flag for flag in empty if flags.FLAGS[flag].default is None]
        if empty:
            return _misused(name, f"--{empty[0]} must not be empty.")
        _start_logging()
        try:
            return tool.main(positional) or OK
        except BrokenPipeError:
            raise
        except (ValueError, OSError) as error:
            logging.debug("Where it happened:", exc_info=True)
            told = _raised_by_us(error) or flags.FLAGS.verbosity > 0
            hint = "" if told else " (--verbosity=1 shows where)"
            print(f"tfdeblur {name}: {error}{hint}", file=sys.stderr)
            return FAILED


def _misused(name: str, message: str) -> int:
    print(f"tfdeblur {name}: {message}", file=sys.stderr)
    print(f"See tfdeblur {name} --help.", file=sys.stderr)
    return USAGE


def _raised_by_us(error: Exception) -> bool:
    """Tell whether our own code raised an error, so that its message is sufficient."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_globals["__name__"].startswith("tfdeblur")


def _without_traceback(error: Exception) -> str:
    """Return a flag error's message; for an error in a config file, its last line and place."""
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
    """Define a tool's flags in FLAGS temporarily, and set `sys.argv`, which config flags read."""
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
            if flag in own or flag.partition(".")[0] in own:  # config.train.steps belongs to config
                delattr(values, flag)


def _start_logging() -> None:
    """Log like absl programs: to standard error, at INFO and above unless --verbosity is set."""
    if flags.FLAGS["verbosity"].using_default_value:
        flags.FLAGS.verbosity = 0
    if flags.FLAGS.verbosity <= 0:  # TensorFlow logs each of its collectives.
        python_logging.getLogger("tensorflow").setLevel(python_logging.WARNING)
    if not any(isinstance(each, logging.ABSLHandler) for each in python_logging.root.handlers):
        logging.use_absl_handler()
    logging.get_absl_handler().addFilter(_leave_out_chatter)


def _leave_out_chatter(record: python_logging.LogRecord) -> bool:
    """Tell whether a message is for the user; TFDS logs the folders it opens."""
    chatter = "tensorflow_datasets" in record.pathname and record.levelno < python_logging.ERROR
    return not chatter or flags.FLAGS.verbosity > 0


def tool_help(tool: ModuleType) -> str:
    """Return a tool's docstring and its own flags."""
    values = flags.FlagValues()
    tool.define_flags(values)
    lines = [(tool.__doc__ or "").strip(), *(["", "Flags:"] if len(values) else [])]
    for name in sorted(
        {values[name].name for name in values}
    ):  # Skip short forms, which are not separate flags.
        flag = values[name]
        shown = f"--[no]{name}" if flag.boolean else f"--{name}=…"
        default = "" if flag.default is None else f" (default: {flag.default_as_str})"
        about = textwrap.wrap(f"{flag.help}{default}", 72)
        lines += [f"  {shown}", *(f"      {line}" for line in about)]
    return "\n".join([*lines, "", "--helpfull lists absl's own flags, such as --verbosity=1."])


def _full_help() -> str:
    """Return absl's own flags and those defined by loaded modules."""
    return flags.FLAGS.get_help()


if __name__ == "__main__":
    sys.exit(main())
