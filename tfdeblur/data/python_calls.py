"""Make images in Python inside a tf.data pipeline.

TensorFlow keeps prefetching batches while the interpreter shuts down, as after an error or Ctrl-C,
and a thread that then waits for Python's lock aborts or hangs the process. So calls are refused
once the interpreter is about to shut down.
"""

import atexit
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

_QUIET = 0.1  # After this many seconds without a call, none waits for the lock.


class _Calls:
    """Tracks running calls; `end` refuses new ones and waits until none has come for a while."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = 0
        self._latest = time.monotonic() - _QUIET
        self._ended = False

    def run(self, function: Callable, inputs: Sequence):
        with self._lock:
            self._latest = time.monotonic()
            if self._ended:
                raise StopIteration  # TensorFlow takes it for the end of the data and logs nothing.
            self._running += 1
        try:
            return function(*inputs)
        finally:
            with self._lock:
                self._latest = time.monotonic()
                self._running -= 1

    def end(self) -> None:
        with self._lock:
            self._ended = True
        while self._running or time.monotonic() < self._latest + _QUIET:
            time.sleep(_QUIET / 10)


_CALLS = _Calls()
atexit.register(_CALLS.end)


def python_images(
    function: Callable[..., Sequence[np.ndarray]],
    inputs: Sequence[tf.Tensor],
    shapes: Sequence[Sequence[int]],
) -> list[tf.Tensor]:
    """Call a Python function that makes images inside a `tf.data` function.

    Args:
      function: takes the inputs as numpy values, returns uint8 images; called by several threads.
      inputs: the function's arguments.
      shapes: of the images.
    """
    made = tf.numpy_function(
        lambda *values: _CALLS.run(function, values),
        inputs,
        [tf.uint8] * len(shapes),
        stateful=False,
    )
    return [tf.ensure_shape(image, shape) for image, shape in zip(made, shapes, strict=True)]
