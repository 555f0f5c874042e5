"""Flight records: evidence about a non-finite step, to find its cause.

A record is a folder:

    record.json    the step, the non-finite values, the operation that made them, and the samples
    operation.txt  TensorFlow's description of the operation
    batch.npz      the step's batch, as the model saw it
    samples/       the batch as pictures
    scalars.csv    everything logged in the last steps
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfdeblur.images import files
from tfdeblur.training.callbacks import NonFiniteError

RECORD_FILE = "record.json"
_NODE = re.compile(r"\{\{node (\S+?)(/CheckNumericsV2\w*)?\}\}")


class Operation(NamedTuple):
    """The first operation of a step with a non-finite output.

    Attributes:
      name: begins with its layers' names. Empty if every output was finite: then a sum over
        replicas or steps overflowed.
      description: from TensorFlow: shapes, inputs, where in the code it was made.
    """

    name: str = ""
    description: str = ""


def find_operation(run_step: Callable[[], Any]) -> Operation:
    """Find the first operation of a step with a non-finite output.

    Args:
      run_step: retraces the step and runs it, on the weights that the failing step began with.
    """
    tf.debugging.enable_check_numerics()
    try:
        run_step()
    except tf.errors.InvalidArgumentError as error:
        found = _NODE.search(str(error))
        return Operation(found.group(1) if found else "unknown", str(error))
    finally:
        tf.debugging.disable_check_numerics()
    return Operation()


def write_record(
    folder: Path,
    *,
    error: NonFiniteError,
    batch: Mapping[str, np.ndarray],
    terms: Mapping[str, np.ndarray],
    operation: Operation,
    recent: Iterable[tuple[int, Mapping[str, float]]],
) -> list[str]:
    """Write a record.

    Args:
      folder: created if missing; an older record in it is replaced.
      error: the non-finite values.
      batch: the global batch of the step, with `id`.
      terms: of every sample, by name, in the batch's order, on the weights before the step.
      operation: see `find_operation`.
      recent: steps and their logged scalars.

    Returns:
      The ids of the samples with non-finite images or terms.
    """
    arrays: dict[str, Any] = {name: value for name, value in batch.items() if name != "id"}
    images = {name: value for name, value in arrays.items() if value.ndim == 4}
    ids = [each.decode() for each in batch["id"]]
    checked = {**images, **{k: v for k, v in terms.items() if v.shape[:1] == (len(ids),)}}
    samples = [
        {
            "place": place,
            "id": id_,
            "not_finite": [k for k, v in checked.items() if not np.isfinite(v[place]).all()],
        }
        for place, id_ in enumerate(ids)
    ]
    record = {
        "step": error.step,
        "not_finite": {name: str(value) for name, value in error.broken.items()},
        "first_operation": operation.name,
        "samples": samples,
    }
    files.write_json(folder / RECORD_FILE, record)
    files.write_text(folder / "operation.txt", operation.description + "\n")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays, id=np.array(ids))
    files.write_bytes(folder / "batch.npz", buffer.getvalue())
    for place, id_ in enumerate(ids):
        name = f"{place:03d}-{re.sub(r'[^0-9A-Za-z._-]+', '_', id_)}"
        for kind, values in images.items():
            levels = np.rint(np.clip(np.nan_to_num(values[place]), 0, 1) * 255).astype(np.uint8)
            levels = levels.repeat(3, axis=-1) if levels.shape[-1] == 1 else levels
            files.write_image(folder / "samples" / f"{name}-{kind}.png", levels)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("step", "name", "value"))
    for step, logs in recent:
        writer.writerows((step, name, repr(float(value))) for name, value in logs.items())
    files.write_text(folder / "scalars.csv", text.getvalue())
    return [sample["id"] for sample in samples if sample["not_finite"]]
