"""Start the workers of one training on this machine, and end them together."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from tfdeblur.training.workers import VARIABLE

GRACE_SECONDS = 20.0  # After one worker fails, until the others are killed.


def launch(command: Sequence[str], count: int, environment: Mapping[str, str] = os.environ) -> int:
    """Run a command in `count` processes that find each other by TF_CONFIG over loopback.

    The chief writes to this process's output; the others' lines go to standard error, prefixed with
    `[worker N]`. SIGTERM and SIGINT are forwarded to all.

    Args:
      command: the program and its arguments.
      count: number of workers. Each gets its share of the cores.
      environment: of the processes; TF_CONFIG is added.

    Returns:
      0, or the exit code of the first that failed; 128 plus the signal's number if a signal ended
      it.
    """
    addresses = _free_addresses(count)
    threads = str(max(1, (os.cpu_count() or 1) // count))
    workers: list[subprocess.Popen] = []
    readers: list[threading.Thread] = []
    for index in range(count):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        own = {
            "TF_NUM_INTRAOP_THREADS": threads,
            "OMP_NUM_THREADS": threads,
            **environment,
            VARIABLE: json.dumps(task),
        }
        output = {} if index == 0 else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        worker = subprocess.Popen(command, env=own, text=True, **output)  # type: ignore[call-overload]
        workers.append(worker)
        if index:
            reader = threading.Thread(target=_pass_on, args=(index, worker.stdout), daemon=True)
            reader.start()
            readers.append(reader)
    before = {
        number: signal.signal(number, lambda number, _: _send(workers, number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        code = _wait(workers)
        for reader in readers:
            reader.join()
        return code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_addresses(count: int) -> list[str]:
    """Return addresses that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _pass_on(index: int, lines: TextIO) -> None:
    with lines:
        for line in lines:
            print(f"[worker {index}] {line}", end="", file=sys.stderr, flush=True)


def _send(workers: Sequence[subprocess.Popen], number: int) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _wait(workers: Sequence[subprocess.Popen]) -> int:
    """Wait for all workers; if one fails, end the others."""
    failed: int | None = None
    deadline = float("inf")
    while None in [worker.poll() for worker in workers]:
        codes = [worker.returncode for worker in workers if worker.returncode]
        if codes and failed is None:
            failed, deadline = codes[0], time.monotonic() + GRACE_SECONDS
        if time.monotonic() > deadline:
            print("tfdeblur train: a worker has failed; the others are ended.", file=sys.stderr)
            _send(workers, signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.1)
    codes = [worker.returncode for worker in workers if worker.returncode]
    code = failed if failed is not None else (codes[0] if codes else 0)
    return code if code >= 0 else 128 - code
