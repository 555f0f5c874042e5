"""Write a data set to disk with TensorFlow Datasets, all of it or nothing."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils import gcs_utils


def prepare(
    make_builder: Callable[[], tfds.core.DatasetBuilder], overwrite: bool = False
) -> tuple[tfds.core.DatasetBuilder, bool]:
    """Prepare a builder's data, without the network.

    TFDS writes to a folder of another name and renames it when it is complete; a killed run leaves
    `incomplete.*` at most. What `overwrite` replaces comes back if the new data fails.

    Args:
      make_builder: builds the TFDS builder of the data set, its configuration and folder.
      overwrite: whether to replace data that is there.

    Returns:
      The builder, and False if the data was there and stayed, else True.
    """
    gcs_utils._is_gcs_disabled = True  # Some releases of TFDS ask a bucket when a builder is made.
    builder = make_builder()
    if builder.is_prepared() and not overwrite:
        return builder, False
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    with _set_aside(Path(builder.data_dir)):
        builder.download_and_prepare(download_config=config)
    return builder, True


@contextlib.contextmanager
def _set_aside(folder: Path) -> Iterator[None]:
    """Move a folder away in one step; bring it back on an error, else delete it."""
    if not folder.exists():
        yield
        return
    aside = folder.with_name(f"replaced.{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        yield
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside)
