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

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from tfdeblur_tools.train import command_with, define_config_flag, resolve_config

__all__ = ["define_flags", "main", "resolve_config"]


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    define_config_flag(flag_values)
    for name, default, about in (
        ("rounds", 5, "how often each takes its turn"),
        ("steps", 5, "of each turn"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=1, flag_values=flag_values)
    flags.DEFINE_list("replicas", [], "numbers of replicas", flag_values=flag_values)
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
    from tfdeblur.benchmarks.train import describe, measure_training, scaling, use_replicas
    from tfdeblur.images.files import write_json

    values = flags.FLAGS
    counts = [int(count) for count in values.replicas]
    if len(counts) > 1:
        measured, code = _in_own_processes(counts)
        if code:
            return code  # The process has printed the reason.
        print(scaling(measured))
        if values.json:
            write_json(values.json, measured)
        return 0
    if counts:
        use_replicas(values.config, counts[0])
    found = measure_training(values.config, values.rounds, values.steps)
    print(describe(found))
    if values.json:
        write_json(values.json, found)
    return 0


def _in_own_processes(counts: Sequence[int]) -> tuple[list[dict], int]:
    """Measure each number of replicas; return the exit code of the first failure, or 0."""
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measured.json"
        for count in counts:
            own = (f"--replicas={count}", f"--json={file}")
            command = command_with("benchmark", "train", own=own)
            code = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
            if code < 0:
                raise ChildProcessError(
                    f"Training on {count} replica(s) must end well. Got: signal {-code}."
                )
            if code:
                return [], code
            measured.append(json.loads(file.read_text("utf-8")))
    return measured, 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main, argv=[resolve_config(argument) for argument in sys.argv])
