"""Measure how fast batches of prepared data are read, decoded, shuffled and cropped."""

import time
from dataclasses import asdict
from typing import Any

import tensorflow as tf

from tfdeblur.benchmarks.data import check_rounds, machine
from tfdeblur.benchmarks.report import Rates
from tfdeblur.data.config import DataConfig
from tfdeblur.data.pipeline import make_batches

_WARM_UP = 4  # Batches before the clock starts, to fill the buffers.


def measure_reading(
    name: str,
    data_dir: str = "",
    *,
    split: str = "train",
    batch_size: int = 16,
    crop_size: int = 0,
    rounds: int = 5,
    seconds: float = 1.0,
) -> dict[str, Any]:
    """Time the batches that `tfdeblur train` would get, on all cores.

    Args:
      name: of prepared data, such as `blurred_text/x4`.
      data_dir: where it was prepared; empty: TFDS's default.
      split: of the data.
      batch_size: pairs in a batch.
      crop_size: as in `DataConfig`.
      rounds: number of measurements, at least 1.
      seconds: length of each measurement, > 0.

    Returns:
      JSON values: `machine`, `name`, `batch_size`, `batches_per_second` and `pairs_per_second`
      (`Rates`), and `cores_used`: seconds of CPU time per second.

    Raises:
      ValueError: as in `make_batches`, or `rounds` or `seconds` is out of its range.
    """
    check_rounds(rounds, seconds)
    data = DataConfig(source="prepared", name=name, data_dir=data_dir, crop_size=crop_size)
    batches = iter(make_batches(data, split=split, batch_size=batch_size, seed=0))
    for _ in range(_WARM_UP):
        next(batches)
    rates, cpu, wall = [], time.process_time(), time.perf_counter()
    for _ in range(rounds):
        count, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds or count == 0:
            next(batches)
            count += 1
        rates.append(count / passed)
    used = (time.process_time() - cpu) / (time.perf_counter() - wall)
    return {
        "machine": {**machine(), "tensorflow": tf.__version__},
        "name": name,
        "split": split,
        "batch_size": batch_size,
        "batches_per_second": asdict(Rates.of(rates)),
        "pairs_per_second": asdict(Rates.of([batch_size * rate for rate in rates])),
        "cores_used": used,
    }
