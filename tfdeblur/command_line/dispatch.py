"""Run one verb of a command line and turn every outcome into an exit code.

Imports only the requested tool. Its flags live in absl's global FLAGS while it runs and are removed
afterwards, so several tools can run in one process.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from types import ModuleType

from absl import flags, logging

import tfdeblur
from tfdeblur.command_line.logs import start_logging
from tfdeblur.command_line.tool_flags import flags_of, parse, tool_help
from tfdeblur.command_line.verbs import HELP, Verb, Verbs, overview, split_verb, table
from tfdeblur.extras import install_command

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # Exit codes; a tool's own are passed through.


def dispatch(verbs: Verbs, arguments: Sequence[str], package: str) -> int:
    """Run `tfdeblur ARGUMENTS`.

    Args:
      verbs: by name.
      arguments: what follows `tfdeblur`.
      package: the package of the verbs' modules.

    Returns:
      The exit code: 2 for a usage error, else the tool's.
    """
    arguments = list(arguments)
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [*arguments[1:], "--help"]
    if not arguments or arguments[0] in (*HELP, "help"):
        print(overview(verbs))
        return OK
    if arguments[0] == "--version":
        print(tfdeblur.__version__)
        return OK
    # TensorFlow logs missing GPU libraries on every CPU machine; its exceptions still reach us.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name, rest = split_verb(verbs, arguments)
    if name not in verbs:
        return _unknown(verbs, name, rest)
    try:
        status = _run(name, verbs[name], rest, package)
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


def _unknown(verbs: Verbs, name: str, rest: Sequence[str]) -> int:
    """Print the verbs that could have been meant; `tfdeblur data --help` is not an error."""
    family = {verb: verbs[verb] for verb in verbs if verb.split()[0] == name}
    if not family:
        close = " or ".join(f"`{verb}`" for verb in get_close_matches(name, verbs, 2))
        meant = f" Did you mean {close}?" if close else ""
        print(f"tfdeblur: unknown verb {name!r}.{meant}\n\n{table(verbs)}", file=sys.stderr)
        return USAGE
    asked = bool(rest) and rest[0] in HELP
    print(table(family), file=sys.stdout if asked else sys.stderr)
    return OK if asked else USAGE


def _run(name: str, verb: Verb, arguments: list[str], package: str) -> int:
    before_dashes = arguments[: arguments.index("--")] if "--" in arguments else arguments
    asked = [argument for argument in before_dashes if argument in HELP]
    missing = [module for module in verb.modules if find_spec(module) is None]
    if missing and not asked:
        return _needs_extra(name, missing[0])
    tool = importlib.import_module(f".{verb.module}", package)
    if asked:
        full = "helpfull" in asked[0]  # Absl's flags, and those of loaded modules.
        print(flags.FLAGS.get_help() if full else tool_help(tool))
        return OK
    rewrite = getattr(tool, "resolve_config", str)
    try:
        command = [f"tfdeblur {name}", *map(rewrite, arguments)]
    except SystemExit as error:
        return _misused(name, error)
    with flags_of(tool, command):
        try:
            positional = parse(command)
        except ValueError as error:
            return _misused(name, error)
        start_logging()
        return _call(name, tool, positional)


def _call(name: str, tool: ModuleType, positional: list[str]) -> int:
    """Call the tool; print an expected error in one line."""
    try:
        return tool.main(positional) or OK
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        logging.debug("Where it happened:", exc_info=True)
        enough = _raised_by_us(error) or flags.FLAGS.verbosity > 0
        hint = "" if enough else " (--verbosity=1 shows where)"
        print(f"tfdeblur {name}: {error}{hint}", file=sys.stderr)
        return FAILED


def _misused(name: str, error: BaseException) -> int:
    print(f"tfdeblur {name}: {error}", file=sys.stderr)
    print(f"See tfdeblur {name} --help.", file=sys.stderr)
    return USAGE


def _raised_by_us(error: Exception) -> bool:
    """Tell whether our own code raised an error, so that its message is sufficient."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and place.tb_frame.f_globals["__name__"].startswith("tfdeblur")


def _needs_extra(name: str, module: str | None) -> int:
    print(
        f"tfdeblur {name}: needs the extra `train` ({module} is missing): "
        + install_command("train"),
        file=sys.stderr,
    )
    return FAILED
