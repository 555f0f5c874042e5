"""Time a training on this machine: tfdeblur benchmark train --config=NAME_OR_PATH

  tfdeblur benchmark train --config=scgan_text
  tfdeblur benchmark train --config=wrfn_faces --config.data.data_dir=prepared --rounds=7
  tfdeblur benchmark train --config=scgan_text --replicas=1,2 --json=speed.json

Prints images per second, the share of time that a step waits for data, the floating point
operations per second and their share of what a large convolution reaches in the same run, the time
of a step beside a bare loop around the same step, and the peak of memory. All take turns; medians.

--replicas divides the batch among so many replicas, each number in a process of its own: on GPUs as
many GPUs, else so many logical CPUs, and prints one line for each.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

from tfdeblur_tools.train import define_config_flag, resolve_config

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
    flags.DEFINE_string("json", None, "file to write the figures to", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Measure, print and write as the flags say."""
    del argv
    from tfdeblur.images.files import write_json
    from tfdeblur.studies import benchmark_train

    values = flags.FLAGS
    counts = [int(count) for count in values.replicas]
    if len(counts) > 1:
        measured = [_in_own_process(count) for count in counts]
        print(benchmark_train.scaling(measured))
        if values.json:
            write_json(values.json, measured)
        return 0
    if counts:
        benchmark_train.use_replicas(values.config, counts[0])
    found = benchmark_train.measure_training(values.config, values.rounds, values.steps)
    print(benchmark_train.describe(found))
    if values.json:
        write_json(values.json, found)
    return 0


def _in_own_process(count: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measured.json"
        program = [sys.executable, "-m", "tfdeblur_tools.main", "benchmark", "train"]
        own = [f"--replicas={count}", f"--json={file}"]
        subprocess.run([*program, *sys.argv[1:], *own], check=True, stdout=subprocess.DEVNULL)
        return json.loads(file.read_text("utf-8"))


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main, argv=[resolve_config(argument) for argument in sys.argv])
