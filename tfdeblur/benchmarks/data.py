"""Measure how fast training pairs are made, compared with a plain implementation.

Pairs are timed in a separate process in which numpy, its BLAS and OpenCV have one thread each, so
pairs per second of CPU time are pairs per second per core. Our recipe and the plain one take turns;
the result is the median over the turns, also for their ratios.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

import tfdeblur
from tfdeblur.benchmarks.contests import NAMES, make_contest, rendering
from tfdeblur.benchmarks.report import Rates
from tfdeblur.benchmarks.stages import shares

# Read when numpy is imported; a process that already has it can only start another.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_WARM_UP = 8  # Calls before the clock starts, to build tables and allocate memory.


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
      recipes: some of `contests.NAMES`.
      rounds: turns for our recipe and for the peer, at least 1.
      seconds: of CPU time for each turn, > 0.
      images: folder of photographs; empty: generated ones.
      seed: of generated images and of every draw, at least 0.
    """

    recipes: tuple[str, ...] = NAMES
    rounds: int = 5
    seconds: float = 1.0
    images: str = ""
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "recipes", tuple(self.recipes))  # JSON gives a list.
        unknown = [name for name in self.recipes if name not in NAMES]
        if unknown or not self.recipes:
            raise ValueError(
                f"`recipe` must be some of {', '.join(NAMES)}. Got: {', '.join(unknown) or 'none'}."
            )
        check_rounds(self.rounds, self.seconds)
        if self.seed < 0:
            raise ValueError(f"`seed` must be at least 0. Got: {self.seed}.")
        if self.images and not Path(self.images).is_dir():
            raise ValueError(f"`images` must be a folder. Got: {self.images!r}.")


def check_rounds(rounds: int, seconds: float) -> None:
    """Raise ValueError if `rounds` is below 1 or `seconds` is not positive."""
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1. Got: {rounds}.")
    if not 0 < seconds < float("inf"):
        raise ValueError(f"`seconds` must be positive and finite. Got: {seconds}.")


def benchmark(options: Options) -> dict[str, Any]:
    """Time each recipe in a new process with one thread. See `measure`.

    Raises:
      ValueError: an image cannot be used; see `photographs`.
      RuntimeError: that process failed; its standard error says why.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tfdeblur.benchmarks.data", json.dumps(asdict(options))],
        env={**os.environ, **_ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The process that measures failed with exit code {done.returncode}.")
    measured = json.loads(done.stdout)
    if "error" in measured:
        raise ValueError(measured["error"])
    return measured


def measure(options: Options) -> dict[str, Any]:
    """Time each recipe in this process.

    Returns:
      JSON values: `machine`; `recipes`, each with `name`, `ours`, `peer`, `ratio` (`Rates`: pairs
      per second of CPU time, ours / peer), `milliseconds` for a pair and its PNG encoding, and
      `shares` of that time by stage; with scgan_text also `rendered`: `pages` of text and `pairs`
      of rendered pages per second (`Rates`).
    """
    described, threads = machine(), cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        results = [
            _measure_one(name, options)
            for name in tqdm(options.recipes, desc="benchmark", unit="recipe", disable=None)
        ]
        measured = {"machine": described, "recipes": results}
        if "scgan_text" in options.recipes:
            pages, pairs = alternate(rendering(options.seed), options.rounds, options.seconds)
            measured["rendered"] = {
                "pages": asdict(Rates.of(pages)),
                "pairs": asdict(Rates.of(pairs)),
            }
        return measured
    finally:
        cv2.setNumThreads(threads)


def _measure_one(name: str, options: Options) -> dict[str, Any]:
    contest = make_contest(name, options.seed, options.images)
    peer, ours = alternate([contest.peer, contest.ours], options.rounds, options.seconds)
    ratios = [mine / theirs for mine, theirs in zip(ours, peer, strict=True)]
    stages, milliseconds = shares(contest.ours, options.seconds)
    return {
        "name": name,
        "ours": asdict(Rates.of(ours)),
        "peer": asdict(Rates.of(peer)),
        "ratio": asdict(Rates.of(ratios)),
        "milliseconds": milliseconds,
        "shares": stages,
    }


def alternate(
    calls: Sequence[Callable[[int], Any]], rounds: int, seconds: float
) -> list[list[float]]:
    """Let functions take turns, `seconds` of CPU time each.

    Args:
      calls: functions that take the number of the call.
      rounds: turns of each function.
      seconds: length of a turn, which makes at least one call.

    Returns:
      For each function, the calls per second of CPU time, by round.
    """
    for call in calls:
        for number in range(_WARM_UP):
            call(number)
    rates: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, found in zip(calls, rates, strict=True):
            number, start = 0, time.process_time()
            while (passed := time.process_time() - start) < seconds or number == 0:
                call(number)
                number += 1
            found.append(number / passed)
    return rates


def machine() -> dict[str, Any]:
    """Describe the machine and its software, without its name or any path.

    `load` is the number of processes that wanted a core in the last minute: others slow a
    measurement down.
    """
    cpu = platform.processor() or platform.machine()
    table = Path("/proc/cpuinfo")
    if table.exists():
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "tfdeblur": tfdeblur.__version__,
    }


def _main(argument: str) -> None:
    """Measure for `benchmark` and write JSON to standard output."""
    try:
        answer = measure(Options(**json.loads(argument)))
    except (ValueError, OSError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(sys.argv[1])
