"""A tool's flags: defined while it runs, and explained."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from absl import flags


@contextmanager
def flags_of(tool: ModuleType, command: list[str]) -> Iterator[None]:
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


def parse(command: Sequence[str]) -> list[str]:
    """Parse a command line into FLAGS; return the command and its positional arguments.

    Raises:
      ValueError: a flag, or a field of a config file, is unknown or has a wrong value.
    """
    try:
        positional = flags.FLAGS(command)
    # The last four come from a config file: no such field, get_config(), file, or module.
    except (flags.Error, KeyError, AttributeError, OSError, ImportError) as error:
        raise ValueError(_without_traceback(error)) from error
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if flag.value == "" and flag.default is None:
            raise ValueError(f"--{name} must not be empty.")
    return positional


def _without_traceback(error: Exception) -> str:
    """Return a flag error's message; for an error in a config file, its last line and place."""
    message = str(error) if isinstance(error, OSError) else str(error.args[0])
    flag, cut, rest = message.partition("Error whilst parsing config file:")
    if not cut:
        return message
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    places = [line for line in lines if line.startswith('File "')]
    return f"{flag}{lines[-1]} ({places[-1]})" if places else f"{flag}{lines[-1]}"


def tool_help(tool: ModuleType) -> str:
    """Return a tool's docstring and its own flags."""
    values = flags.FlagValues()
    tool.define_flags(values)
    lines = [(tool.__doc__ or "").strip(), *(["", "Flags:"] if len(values) else [])]
    # Short forms are not separate flags.
    for name in sorted({values[name].name for name in values}):
        flag = values[name]
        shown = f"--[no]{name}" if flag.boolean else f"--{name}=…"
        default = f" (default: {flag.default_as_str})" if flag.default not in (None, []) else ""
        about = textwrap.wrap(f"{flag.help}{default}", 72)
        lines += [f"  {shown}", *(f"      {line}" for line in about)]
    return "\n".join([*lines, "", "--helpfull lists absl's own flags, such as --verbosity=1."])
