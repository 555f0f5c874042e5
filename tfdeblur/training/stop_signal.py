"""SIGTERM: a training that is told to end does so where nothing is lost."""

import signal
import threading
from typing import Any


class Interrupted(Exception):
    """SIGTERM has ended the run.

    Attributes:
      step: finished steps, which the latest checkpoint holds; None if this call finished none.
    """

    def __init__(self, step: int | None = None):
        if step is None:
            super().__init__("Interrupted before a step was finished; what was saved stays.")
        else:
            super().__init__(f"Interrupted after step {step}, which is saved.")
        self.step = step


class StopSignal:
    """Listens to SIGTERM inside a `with`, and leaves the handler as it was.

    The signal raises `Interrupted` wherever the run is, until `wait` says that a step would be
    lost; from then on it is only noted, for the run to end behind a step or between two images of
    a validation. Python delivers signals to the main thread only; elsewhere this does nothing.

    Attributes:
      came: whether the signal has come.
    """

    def __init__(self) -> None:
        self.came = False
        self._waits = False
        self._before: Any = None

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._take)
        return self

    def __exit__(self, *exception) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def wait(self) -> None:
        """From now on only note the signal: there is a step to save."""
        self._waits = True

    def raise_at_once(self) -> None:
        """From now on raise again: everything is saved.

        Raises:
          Interrupted: the signal has come already.
        """
        self._waits = False
        if self.came:
            raise Interrupted

    def _take(self, number: int, frame) -> None:
        self.came = True
        if not self._waits:
            raise Interrupted
