"""Measure a training on different numbers of replicas, each in its own process."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def measure_in_processes(
    command: Sequence[str], counts: Sequence[int]
) -> tuple[list[dict[str, Any]], int]:
    """Run a program once for each number of replicas, one after another.

    Args:
      command: the program; it gets `--replicas=N` and `--json=FILE`, and writes its figures there.
      counts: numbers of replicas.

    Returns:
      The figures of each run and 0; or the exit code of the first that failed.

    Raises:
      ChildProcessError: a signal ended one of them.
    """
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measured.json"
        for count in counts:
            own = (f"--replicas={count}", f"--json={file}")
            code = subprocess.run(
                [*command, *own], check=False, stdout=subprocess.DEVNULL
            ).returncode
            if code < 0:
                raise ChildProcessError(
                    f"Training on {count} replica(s) must end well. Got: signal {-code}."
                )
            if code:
                return [], code
            measured.append(json.loads(file.read_text("utf-8")))
    return measured, 0
