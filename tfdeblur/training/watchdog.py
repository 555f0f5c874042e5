"""Report a run that hangs: what it was waiting for, and every thread's stack.

By hand, as the timer of `faulthandler` carries no message.
"""

import faulthandler
import os
import socket
import sys
import threading
import time
from pathlib import Path

from absl import logging


class Watchdog:
    """A thread that waits for signs of life: `with Watchdog(900, folder) as dog: dog.alive("…")`.

    Each silence is reported once: a line and the stacks of all threads, in the log and in
    `folder`/stacks-HOST-PID.txt. The run is not ended: the cause may just be a slow disk.
    """

    def __init__(self, seconds: float, folder: Path):
        """Watch for silences longer than `seconds`; 0: never."""
        self._seconds = seconds
        self._path = folder / f"stacks-{socket.gethostname()}-{os.getpid()}.txt"
        self._doing, self._since, self._reported = "start", time.monotonic(), False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> "Watchdog":
        if self._seconds:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def alive(self, doing: str) -> None:
        """Report that the run is alive, and what it does next."""
        self._doing, self._since, self._reported = doing, time.monotonic(), False

    def _watch(self) -> None:
        while not self._stop.wait(min(1.0, self._seconds / 4)):
            silent = time.monotonic() - self._since
            if silent > self._seconds and not self._reported:
                self._reported = True
                self._report(silent)

    def _report(self, silent: float) -> None:
        logging.error(
            "No sign of life for %.0f s, while: %s. The stacks of all threads follow; %s has them, "
            "too. With several workers, look at the others' as well.",
            silent, self._doing, self._path,
        )  # fmt: skip
        faulthandler.dump_traceback(sys.__stderr__ or 2, all_threads=True)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("w", encoding="utf-8") as file:
                file.write(f"{silent:.0f} s in: {self._doing}\n\n")
                file.flush()
                faulthandler.dump_traceback(file, all_threads=True)
        except OSError as error:
            logging.error("The stacks cannot be written: %s.", error)
