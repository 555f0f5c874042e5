"""The flag `--config=NAME_OR_PATH`, which several tools have."""

import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from absl import flags
from ml_collections import config_flags


def define_config_flag(flag_values: flags.FlagValues) -> None:
    """Define the required `--config` and `--config.FIELD`; see `resolve_config`."""
    about = "experiment: a name or a file, perhaps with :variant"
    config_flags.DEFINE_config_file("config", None, about, flag_values=flag_values)
    flags.mark_flag_as_required("config", flag_values=flag_values)


def resolve_config(argument: str) -> str:
    """Replace NAME in `--config=NAME[:variant]` by its installed file; keep other arguments.

    Raises:
      SystemExit: there is no such experiment or file; the message says so.
    """
    name, separator, value = argument.partition("=")
    if argument in ("-config", "--config"):
        raise SystemExit("`--config` needs its value behind an equals sign: --config=NAME_OR_PATH.")
    if name.lstrip("-") != "config" or not separator:
        return argument
    config, colon, variant = value.partition(":")
    if config.endswith(".py"):
        if not Path(config).is_file():
            raise SystemExit(f"`--config`: there is no such file. Got: {config!r}.")
        return argument
    installed = installed_configs()
    if config not in installed:
        raise SystemExit(
            f"`--config` must be the path of a .py file or one of {sorted(installed)}. "
            f"Got: {config!r}."
        )
    return f"{name}={installed[config]}{colon}{variant}"


def installed_configs() -> dict[str, str]:
    """Map the names of the installed experiments to their files, by name."""
    files = sorted(map(str, resources.files("tfdeblur_configs").iterdir()))
    named = {Path(file).stem: file for file in files if file.endswith(".py")}
    return {name: file for name, file in named.items() if not name.startswith("_")}


def command_with(*verb: str, own: Sequence[str]) -> list[str]:
    """Return this command line for another process, with the flags `own` overriding its own."""
    given = sys.argv[1:]
    if "--" in given:
        given = given[: given.index("--")]  # No flags follow it, not even ours.
    return [sys.executable, "-m", "tfdeblur_tools.main", *verb, *given, *own]  # The last one wins.
