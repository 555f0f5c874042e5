"""Prepared pairs, for the tests of batches."""

import numpy as np
import pytest

from tfdeblur.data.config import DataConfig


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, write_prepared):
    """Prepared data of 11 pairs in each split, in three files each, that says nothing of itself."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)

    def example(number):
        lr, hr = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (16, 64))
        return {"id": f"{number:02d}", "lr": lr, "hr": hr}

    features = {
        name: tfds.features.Image(shape=(side, side, 3), encoding_format="png")
        for name, side in (("lr", 16), ("hr", 64))
    }
    splits = {
        split: [[example(number) for number in range(first, 11, 3)] for first in range(3)]
        for split in ("train", "validation")
    }
    write_prepared(folder, features, splits)
    return DataConfig(source="prepared", name="toy_pairs", data_dir=str(folder))
