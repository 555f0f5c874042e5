"""List the data sets that can be built: tfdeblur data list

Each line has the name, the version and the contents. `tfdeblur data build NAME` writes one.
"""

from absl import app, flags

from tfdeblur_tools.builders import find_builders


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define no flags."""


def main(argv: list[str]) -> int:
    """Print a line for each NAME/CONFIG."""
    if argv[1:]:
        raise ValueError(f"`data list` takes no arguments. Got: {' '.join(argv[1:])!r}.")
    for name, (module, config_name) in find_builders().items():
        config = module.Builder.builder_configs[config_name]
        print(f"{name:28} {module.Builder.VERSION!s:7} {config.description}")
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
