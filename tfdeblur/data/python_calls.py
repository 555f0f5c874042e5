"""Images that Python makes inside a tf.data pipeline.

TensorFlow goes on making batches ahead while the interpreter ends, as after an error or Ctrl-C, and
a thread that then waits for Python's lock aborts the process or lets it hang. So no call is let in
once the interpreter is about to end.
"""

import atexit
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

_QUIET = 0.1  # Seconds without a call after which none waits for the lock any more.


class _Calls:
    """Which calls run; `end` refuses further ones and waits until none has come for a while."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = 0
        self._latest = time.monotonic() - _QUIET
        self._ended = False

    def run(self, function: Callable, inputs: Sequence):
        with self._lock:
            self._latest = time.monotonic()
            if self._ended:
                raise StopIteration  # To TensorFlow, the end of the data; it logs nothing.
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
    """Call a Python function that makes images, as a part of a `tf.data` function.

    Args:
      function: takes the inputs as numpy values and returns uint8 images; several threads call it.
      inputs: its arguments.
      shapes: of the images.
    """
    made = tf.numpy_function(
        lambda *values: _CALLS.run(function, values),
        inputs,
        [tf.uint8] * len(shapes),
        stateful=False,
    )
    return [tf.ensure_shape(image, shape) for image, shape in zip(made, shapes, strict=True)]
