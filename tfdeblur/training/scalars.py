"""A run's scalars, for TensorBoard and as a CSV file.

`scalars.csv` has one row per value, `split,step,name,value`, because the logged names change with
the phases of a training. A resumed run drops the rows written after its checkpoint.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdeblur.images import files
from tfdeblur.stack import keras

SPLITS = ("train", "validation")
COLUMNS = ("split", "step", "name", "value")
CSV_FILE = "scalars.csv"


class Scalars:
    """Writes under `folder`: TensorBoard's files for each split, and scalars.csv."""

    def __init__(self, folder: Path):
        self._path = folder / CSV_FILE
        with self._naming("TensorBoard's files"):
            self._writers = {
                split: tf.summary.create_file_writer(str(folder / split)) for split in SPLITS
            }

    def resume(self, step: int, validated: int) -> None:
        """Drop training rows after `step` finished steps, and validation rows after `validated`."""
        rows: list[tuple[str, ...] | list[str]] = [COLUMNS]
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                whole = [row for row in csv.reader(file) if len(row) == len(COLUMNS)]
            last = {"validation": validated}
            rows += [row for row in whole[1:] if int(row[1]) <= last.get(row[0], step)]
        buffer = io.StringIO()
        csv.writer(buffer).writerows(rows)
        files.write_text(self._path, buffer.getvalue())

    def write(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Write scalars of one step.

        Raises:
          OSError: the disk is full or not writable.
        """
        with self._naming(f"the scalars of step {step}"), self._writers[split].as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            self._writers[split].flush()
        with (
            self._naming(f"the scalars of step {step}"),
            self._path.open("a", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows(
                (split, step, name, repr(float(value))) for name, value in values.items()
            )

    def write_images(self, split: str, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Write pictures, uint8 `[H, W, 3]`, to TensorBoard. Raises OSError like `write`."""
        with self._naming(f"the pictures of step {step}"), self._writers[split].as_default(step):
            for name, image in images.items():
                tf.summary.image(name, image[None])
            self._writers[split].flush()

    @contextmanager
    def _naming(self, what: str) -> Iterator[None]:
        """Name the unwritten data in the error."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise OSError(f"{self._path.parent}: {what} must be written. Got: {reason}.") from error

    def write_graph(self, network: keras.Model) -> None:
        """Write a network's graph to TensorBoard."""
        call = tf.function(lambda image: network(image, training=False), autograph=False)
        graph = call.get_concrete_function(tf.TensorSpec(network.input_shape, tf.float32)).graph
        with self._naming("the graph"), self._writers["train"].as_default(0):
            tf.summary.graph(graph)
            self._writers["train"].flush()
