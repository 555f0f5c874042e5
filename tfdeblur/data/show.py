"""Contact sheets of prepared data, like those in the papers."""

import itertools
from pathlib import Path

import numpy as np

from tfdeblur.data.pairs import read_prepared
from tfdeblur.images.files import write_image
from tfdeblur.reporting.sheets import Picture, contact_sheet


def example_sheet(
    name: str, data_dir: str | Path | None = None, split: str = "train", count: int = 6
) -> np.ndarray:
    """Draw the first examples of prepared data, one per row: degraded, extras, target.

    Smaller images are enlarged to the target's size by a whole factor, without interpolation.

    Args:
      name: as in `pairs.read_prepared`.
      data_dir: as in `pairs.read_prepared`.
      split: as in `pairs.read_prepared`.
      count: number of rows, at least 1.

    Returns:
      `[H, W, 3]` uint8.

    Raises:
      tfdeblur.data.pairs.PairError: nothing is prepared under that name, or the split is unknown.
    """
    rows = []
    pairs = read_prepared(name, data_dir, split)
    for pair, extras in itertools.islice(pairs.with_extras(), count):
        images = {"degraded": pair.degraded, **extras, "target": pair.target}
        rows.append([_picture(key, image, pair.target) for key, image in images.items()])
        rows[-1][0] = Picture(rows[-1][0].image, f"{rows[-1][0].caption}\n{pair.id}")
    return contact_sheet(rows)


def write_example_sheet(
    path: str | Path, name: str, data_dir: str | Path | None, split: str, count: int
) -> None:
    """Write `example_sheet` as a picture. Raises OSError if it cannot be written."""
    write_image(Path(path), example_sheet(name, data_dir, split, count))


def _picture(name: str, image: np.ndarray, target: np.ndarray) -> Picture:
    factor = max(1, target.shape[0] // image.shape[0])
    enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
    rgb = np.repeat(enlarged, 3, axis=2) if enlarged.shape[2] == 1 else enlarged
    return Picture(rgb, f"{name}, {image.shape[1]}x{image.shape[0]} px")
