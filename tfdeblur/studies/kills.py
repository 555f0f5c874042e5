"""Does a training that is killed again and again end in the weights of one that is not?

Runs go in processes of their own and are killed with SIGKILL, which no program can catch: some
after a random time, some after a random step, some while a checkpoint is being written. What is
compared is the hash over all weights, optimizer slots and averages that `tfdeblur train` prints
last.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

TRAIN = (sys.executable, "-m", "tfdeblur_tools.main", "train")
TIMES = ("time", "step", "write")
UNFINISHED = "_temp"  # In the name of what TensorFlow has not yet written whole.
_STEP = re.compile(r"Step (\d+) of \d+, loss")
_HASH = re.compile(r"^weights sha256: ([0-9a-f]{64})$", re.MULTILINE)


class Kill(NamedTuple):
    """One kill that took place: `when`, of `TIMES`, at which step, and a few words about it."""

    when: str
    step: int
    told: str


class KilledRun:
    """A training in a folder, started and killed as often as one likes.

    Attributes:
      kills: in their order.
      seconds_to_first_step: from a start on.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, seed: int, seconds_to_first_step: float = 0.0
    ):
        """Set up a run: a command, to which `--workdir` is added, that logs each step."""
        self.seconds_to_first_step = seconds_to_first_step
        self._command = [*command, f"--workdir={folder}"]
        self._latest = folder / "checkpoints" / "latest"
        self._rng = np.random.default_rng(seed)
        self.kills: list[Kill] = []

    def finish(self) -> str:
        """Let it run to its end; return the hash that it prints.

        Raises:
          RuntimeError: it does not end well.
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
        """Start it and kill it, by `TIMES`; False if it ended before, which is no kill."""
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
            return False  # It was complete by then.
        self.kills.append(Kill(when, run.step, told))
        return True

    def _names(self) -> set[str]:
        try:
            return {entry.name for entry in os.scandir(self._latest)}
        except FileNotFoundError:
            return set()


class _Running:
    """A process and the steps that it logs."""

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
        """Wait for its end; return what it printed, which is a few lines."""
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
    """Kill a training `kills` times, `writes` of them inside a checkpoint write; compare its end.

    Args:
      command: `TRAIN` and its arguments, without `--workdir` and with
        `--config.train.log_every=1`.
      folder: gets the two runs, `whole` and `killed`.
      kills: in all; those outside of writes come by turns after a time and after a step.
      writes: how many inside of writes.
      seed: of the moments.
      report: takes each line.

    Returns:
      Whether the hashes are equal.

    Raises:
      RuntimeError: a run does not end well, or ends before it was killed so often.
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
