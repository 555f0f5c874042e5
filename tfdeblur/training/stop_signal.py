"""SIGTERM: a training that is told to end does so where nothing is lost."""

import signal
import threading
from typing import Any


class Interrupted(BaseException):
    """SIGTERM has ended the run. No `Exception`: Keras and TensorFlow rewrite those.

    Attributes:
      step: finished steps, which the latest checkpoint holds; 0 if none was finished.
    """

    def __init__(self, step: int = 0):
        super().__init__(
            f"Interrupted after step {step}, which is saved."
            if step
            else "Interrupted before a step was finished; what was saved stays."
        )
        self.step = step


class StopSignal:
    """Listens to SIGTERM inside a `with`, and leaves the handler as it was.

    While everything is saved the signal raises `Interrupted`, wherever the run is. Otherwise, and
    always with several workers, who must leave together, it is only noted, for the run to end
    behind a step or between two images of a validation. Python delivers signals to the main thread
    only; elsewhere this does nothing.

    Attributes:
      came: whether the signal has come.
    """

    def __init__(self, alone: bool):
        """Start with everything saved; `alone` unless there are other workers."""
        self.came = False
        self._alone = self._raises = alone
        self._saved = 0
        self._before: Any = None

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._take)
        return self

    def __exit__(self, *exception) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def step_to_save(self) -> None:
        """Say that a step is finished and not saved."""
        self._raises = False

    def all_saved(self, step: int) -> None:
        """Say that all is saved, `step` finished steps.

        Raises:
          Interrupted: the signal has come, and this process is alone.
        """
        self._saved, self._raises = step, self._alone
        if self.came and self._alone:
            raise Interrupted(step)

    def _take(self, number: int, frame) -> None:
        self.came = True
        if self._raises:
            raise Interrupted(self._saved)
