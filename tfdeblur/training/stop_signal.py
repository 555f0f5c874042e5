"""Stop a training on SIGTERM without losing progress."""

import signal
import threading
from typing import Any


class Interrupted(BaseException):
    """SIGTERM ended the run. Not an `Exception`: Keras and TensorFlow rewrite those.

    Attributes:
      step: finished steps, as in the latest checkpoint; 0 if no step was finished.
    """

    def __init__(self, step: int = 0):
        super().__init__(
            f"Interrupted after step {step}, which is saved."
            if step
            else "Interrupted before a step was finished; what was saved stays."
        )
        self.step = step


class StopSignal:
    """Handles SIGTERM inside a `with`, then restores the previous handler.

    While everything is saved, the signal raises `Interrupted` at once. Otherwise, and always with
    several workers, which must exit together, it is only noted; the run then ends after a step or
    between two images of a validation. Python delivers signals only to the main thread; in others
    this does nothing.

    Attributes:
      came: whether the signal has arrived.
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
        """Note that a step is finished but not saved."""
        self._raises = False

    def all_saved(self, step: int) -> None:
        """Note that all `step` finished steps are saved.

        Raises:
          Interrupted: the signal has arrived, and there are no other workers.
        """
        self._saved, self._raises = step, self._alone
        if self.came and self._alone:
            raise Interrupted(step)

    def _take(self, number: int, frame) -> None:
        self.came = True
        if self._raises:
            raise Interrupted(self._saved)
