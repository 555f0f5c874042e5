"""Time training on this machine: tfdeblur benchmark train --config=NAME_OR_PATH

  tfdeblur benchmark train --config=scgan_text
  tfdeblur benchmark train --config=wrfn_faces --config.data.data_dir=prepared --rounds=7
  tfdeblur benchmark train --config=scgan_text --replicas=1,2 --json=speed.json

Prints images per second, the share of time that a step waits for data, the floating point
operations per second and their share of what a large convolution reaches in the same run, the time
of a step compared with a bare loop around it, and peak memory. Measurements alternate; medians.

--replicas divides the batch among that many replicas (GPUs if there are any, else logical CPUs),
each number in its own process, and prints one line for each.
"""

import sys

from absl import app, flags

from tfdeblur.command_line.config_flag import command_with, define_config_flag, resolve_config

__all__ = ["define_flags", "main", "resolve_config"]


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    define_config_flag(flag_values)
    for name, default, about in (
        ("rounds", 5, "turns of each measurement"),
        ("steps", 5, "steps of each turn"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=1, flag_values=flag_values)
    flags.DEFINE_list("replicas", [], "numbers of replicas to compare", flag_values=flag_values)
    flags.register_validator(
        "replicas",
        lambda counts: all(count.isdecimal() and int(count) > 0 for count in counts),
        "must be whole numbers from 1 on, divided by commas",
        flag_values=flag_values,
    )
    flags.DEFINE_string("json", None, "file to write the figures to", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Measure, print and write, as set by the flags."""
    del argv
    from tfdeblur.benchmarks.replicas import measure_in_processes
    from tfdeblur.benchmarks.train import describe, measure_training, scaling, use_replicas
    from tfdeblur.images.files import write_json

    values = flags.FLAGS
    counts = [int(count) for count in values.replicas]
    if len(counts) > 1:
        command = command_with("benchmark", "train", own=())
        measured, code = measure_in_processes(command, counts)
        if code:
            return code  # The process has printed the reason.
        print(scaling(measured))
        figures: list | dict = measured
    else:
        if counts:
            use_replicas(values.config, counts[0])
        figures = measure_training(values.config, values.rounds, values.steps)
        print(describe(figures))
    if values.json:
        write_json(values.json, figures)
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main, argv=[resolve_config(argument) for argument in sys.argv])
