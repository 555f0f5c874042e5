"""Kill trainings at random moments and compare their final weights: crash_consistency.py

  python measurements/crash_consistency.py --kills=20 --writes=5 --seed=1 --workdir=/tmp/kills
  python measurements/crash_consistency.py -- --config=mine.py --config.train.log_every=1

Trains two small experiments in mixed_bfloat16, with averaged weights, on pairs that eight threads
blur on demand: two_branch, which has dropout, and enhance_unet, whose gradient penalty uses random
draws. Each runs once undisturbed and once under SIGKILL: after random times, after random steps,
and during the write of a checkpoint. Compares the hash over all weights, optimizer slots and
averages that `tfdeblur train` prints last; the exit code is 1 if it differs. Takes a quarter of an
hour. Arguments after -- are passed to a `tfdeblur train` that replaces the two experiments.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import app, flags

COMMON = (
    "--config.runtime.precision=mixed_bfloat16",
    "--config.data.source=recipe",
    "--config.data.threads=8",
    "--config.data.train_split=train",
    "--config.data.validation_split=validation",
    "--config.data.augment_flip=False",
    "--config.data.crop_size=0",
    "--config.model.perceptual_weight=0",
    "--config.train.average_decay=0.9",
    "--config.train.batch_size=2",
    "--config.train.steps=80",
    "--config.train.log_every=1",
    "--config.train.checkpoint_every=3",
    "--config.train.validate_every=40",
    "--config.train.validation_count=2",
)
EXPERIMENTS = {
    "two_branch": (
        "--config=two_branch_faces",
        "--config.model.width=4",
        "--config.model.input_size=16",
        "--config.model.local_start_step=30",
        "--config.data.recipe=two_branch",
        "--config.data.patch_size=128",
        *COMMON,
    ),
    "enhance_unet": (
        "--config=enhance_unet_faces",
        "--config.model.width=4",
        "--config.model.levels=1",
        "--config.model.rrrbs_per_level=1",
        "--config.model.resblocks_per_level=1",
        "--config.model.use_drdbu=False",  # Tracing them would take minutes after each kill.
        "--config.model.use_rrrb=False",
        "--config.model.discriminator_updates=2",
        "--config.data.recipe=enhance_unet",
        "--config.data.patch_size=32",
        *COMMON,
    ),
}
TRAIN = (sys.executable, "-m", "tfdeblur_tools.main", "train")
TIMES = ("time", "step", "write")
UNFINISHED = "_temp"  # In the names of files that TensorFlow has not finished writing.
_STEP = re.compile(r"Step (\d+) of \d+, loss")
_HASH = re.compile(r"^weights sha256: ([0-9a-f]{64})$", re.MULTILINE)


class Kill(NamedTuple):
    """A successful kill: `when`, one of `TIMES`, the step, and a short description."""

    when: str
    step: int
    told: str


class KilledRun:
    """A training in a folder that can be started and killed repeatedly.

    Attributes:
      kills: the kills, in order.
      seconds_to_first_step: seconds from a start to the first step.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, seed: int, seconds_to_first_step: float = 0.0
    ):
        """Set up a run of a command that logs each step; `--workdir` is added to it."""
        self.seconds_to_first_step = seconds_to_first_step
        self._command = [*command, f"--workdir={folder}"]
        self._latest = folder / "checkpoints" / "latest"
        self._rng = np.random.default_rng(seed)
        self.kills: list[Kill] = []

    def finish(self) -> str:
        """Run the training to its end; return the hash that it prints.

        Raises:
          RuntimeError: the training fails.
        """
        run = _Running(self._command)
        output = run.wait()
        found = _HASH.search(output)
        if run.code or found is None:
            raise RuntimeError(
                f"The training must end well. Got: exit {run.code}.\n{''.join(run.lines)[-3000:]}"
            )
        self.seconds_to_first_step = run.first_step or run.seconds()
        return found.group(1)

    def kill(self, when: str) -> bool:
        """Start the training and kill it, as in `TIMES`; return False if it ended before that."""
        run = _Running(self._command)
        steps_on = int(self._rng.integers(1, 8))
        moment = self._rng.uniform(0.3, 1.2) * self.seconds_to_first_step
        before = self._names()
        told = ""
        while run.alive() and not told:
            if when == "time":
                told = f"{moment:.1f} s after its start" if run.seconds() > moment else ""
            elif when == "step":
                if run.steps_done >= steps_on:
                    time.sleep(self._rng.uniform(0, run.seconds_per_step()))
                    told = f"{run.steps_done} steps after its start"
            elif run.steps_done:
                told = ", ".join(
                    name for name in sorted(self._names() - before) if UNFINISHED in name
                )
            if when != "write":
                time.sleep(0.01)
        if not told:
            return False
        run.kill()
        if when == "write" and not any(UNFINISHED in name for name in self._names()):
            return False  # The checkpoint was already complete.
        self.kills.append(Kill(when, run.step, told))
        return True

    def _names(self) -> set[str]:
        try:
            return {entry.name for entry in os.scandir(self._latest)}
        except FileNotFoundError:
            return set()


class _Running:
    """A process and the steps it logs."""

    def __init__(self, command: Sequence[str]):
        self._start = time.monotonic()
        self.step, self.steps_done = 0, 0
        self.first_step: float | None = None
        self.lines: deque[str] = deque(maxlen=100)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self.lines.append(line)
            if found := _STEP.search(line):
                self.step = int(found.group(1))
                self.steps_done += 1
                self.first_step = self.first_step or self.seconds()

    def alive(self) -> bool:
        return self._process.poll() is None

    def seconds(self) -> float:
        return time.monotonic() - self._start

    def seconds_per_step(self) -> float:
        return (self.seconds() - (self.first_step or 0.0)) / max(1, self.steps_done)

    @property
    def code(self) -> int | None:
        return self._process.returncode

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> str:
        """Wait for the process to end; return its output, which is a few lines."""
        with self._process:
            output = self._process.stdout.read() if self._process.stdout else ""
            self._reader.join()
        return output


def compare_killed(
    command: Sequence[str],
    folder: Path,
    *,
    kills: int,
    writes: int,
    seed: int,
    report: Callable[[str], None] = print,
) -> bool:
    """Compare a training with one killed `kills` times, `writes` of them in a checkpoint write.

    Args:
      command: `TRAIN` and its arguments, without `--workdir` and with
        `--config.train.log_every=1`.
      folder: gets the two runs, `whole` and `killed`.
      kills: total number; kills outside writes alternate between after a time and after a step.
      writes: number of kills during writes.
      seed: seed of the random moments.
      report: called with each line.

    Returns:
      Whether the hashes are equal.

    Raises:
      RuntimeError: a run fails, or ends before it was killed `kills` times.
    """
    rng = np.random.default_rng(seed)
    plan = ["write"] * writes + [TIMES[number % 2] for number in range(kills - writes)]
    never = KilledRun(command, folder / "whole", seed)
    whole = never.finish()
    report(f"not killed: {whole}")
    run = KilledRun(command, folder / "killed", seed, never.seconds_to_first_step)
    for when in rng.permutation(plan):
        for _ in range(10):
            if run.kill(str(when)):
                break
        else:
            raise RuntimeError(
                f"The training must be killed {kills} times before its end. "
                f"Got: {len(run.kills)} times."
            )
        last = run.kills[-1]
        report(f"kill {len(run.kills)}: at step {last.step}, by {last.when}: {last.told}")
    killed = run.finish()
    report(f"killed {len(run.kills)} times: {killed}")
    return killed == whole


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, default, about in (
        ("kills", 20, "of all experiments together"),
        ("writes", 5, "of them inside the write of a checkpoint"),
        ("seed", 0, "of the moments"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=0, flag_values=flag_values)
    flags.DEFINE_string("workdir", None, "keep the runs here", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Train, kill and compare."""
    values = flags.FLAGS
    experiments = {"own": tuple(argv[1:])} if argv[1:] else EXPERIMENTS
    equal = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, arguments) in enumerate(experiments.items()):
            print(f"{name}:", flush=True)
            same = compare_killed(
                (*TRAIN, *arguments),
                Path(values.workdir or folder) / name,
                kills=_share(values.kills, number, len(experiments)),
                writes=_share(values.writes, number, len(experiments)),
                seed=values.seed + number,
                report=lambda line: print(f"  {line}", flush=True),
            )
            print("  equal" if same else "  DIFFERENT", flush=True)
            equal.append(same)
    return 0 if all(equal) else 1


def _share(count: int, number: int, parts: int) -> int:
    return count // parts + (number < count % parts)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
