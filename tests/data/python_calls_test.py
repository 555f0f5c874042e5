"""Images made by Python inside tf.data."""

import subprocess
import sys

import numpy as np
import tensorflow as tf

from tfdeblur.data.python_calls import python_images

PROGRAM = """
import numpy as np, tensorflow as tf, time
from tfdeblur.data.python_calls import python_images

def make(number):
    time.sleep(0.02)
    return [np.full((3, 5, 1), number, np.uint8)]

made = tf.data.Dataset.range(10**9).map(
    lambda number: python_images(make, [number], [(3, 5, 1)])[0], num_parallel_calls=2
)
iterator = iter(made.batch(100).prefetch(10))
print(next(iterator).shape)
"""


def test_images_have_the_shapes_that_are_named():
    def make(number):
        return np.full((2, 3, 1), number, np.uint8), np.full((4, 6, 3), number + 1, np.uint8)

    made = tf.data.Dataset.range(7, 9).map(
        lambda number: python_images(make, [number], [(2, 3, 1), (4, 6, 3)])
    )
    assert [spec.shape for spec in made.element_spec] == [(2, 3, 1), (4, 6, 3)]
    first, second = made.as_numpy_iterator()
    assert np.all(first[0] == 7) and np.all(first[1] == 8) and np.all(second[1] == 9)


def test_the_interpreter_ends_while_images_are_made_ahead():
    """Without the guard it hangs, or is aborted with exit code -6."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(100, 3, 5, 1)\n"
