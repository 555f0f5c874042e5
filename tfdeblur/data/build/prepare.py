"""Write a data set to disk with TensorFlow Datasets, completely or not at all."""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.utils import gcs_utils

from tfdeblur.data.build.builder import PairBuilder, check_inputs
from tfdeblur.data.build.runners import pipeline_options

SKIPPED_SHOWN = 20


@dataclass
class Prepared:
    """A data set on disk.

    Attributes:
      builder: reads it.
      written: False if it already existed and was kept.
      notes: what was decided, resumed or restarted, in words.
      skipped: (file, reason) of each unusable file.
    """

    builder: PairBuilder
    written: bool
    notes: list[str]
    skipped: list[tuple[str, str]]

    def summary(self) -> list[str]:
        """Return lines that say what was prepared, where, and with which bytes."""
        builder, splits = self.builder, self.builder.info.splits
        done = "Prepared" if self.written else "Already prepared (--overwrite builds it anew)"
        counts = ", ".join(f"{splits[name].num_examples} {name}" for name in splits)
        return [
            *self.notes,
            f"{done}: {builder.name}/{builder.builder_config.name} {builder.version}: {counts}",
            f"in {builder.data_dir}",
            f"sha256 of all files: {builder.info.metadata['shards_sha256']}",
        ]

    def left_out(self) -> list[str]:
        """Return lines that name the first unusable files and count all."""
        shown = [f"  {file}: {reason}" for file, reason in self.skipped[:SKIPPED_SHOWN]]
        more = len(self.skipped) - SKIPPED_SHOWN
        rest = f" ({more} more in skipped.json there)" if more > 0 else ""
        return [*shown, f"tfdeblur data build: left out {len(self.skipped)}{rest}"]


def prepare(
    make_builder: Callable[[], PairBuilder],
    *,
    manual_dir: str | Path | None = None,
    overwrite: bool = False,
    beam_runner: str | None = None,
    beam_options: Mapping[str, str] | None = None,
) -> Prepared:
    """Prepare a builder's data, without the network.

    A killed run leaves `partial.<version>` beside the data's folder, and the next run resumes from
    it. Data replaced by `overwrite` is restored if the new data fails. Every runner writes the same
    bytes.

    Args:
      make_builder: builds the builder of the data set, its configuration and folder.
      manual_dir: the user's own files, for builders that need them.
      overwrite: whether to replace existing data.
      beam_runner: None: this process. `DirectRunner`: a process for each core. `PortableRunner` and
        others: a cluster whose workers reach the same folders by the same paths.
      beam_options: Beam's options by name, such as `job_endpoint`.

    Raises:
      ValueError: there is nothing to build from, prepared data was made from other files, another
        process is building it, or Beam is missing.
    """
    gcs_utils._is_gcs_disabled = True  # Some TFDS releases query a bucket when a builder is made.
    with _quiet():
        builder = make_builder()
        there = builder.is_prepared()
    folder = _manual_folder(builder, manual_dir)
    if there and not overwrite:
        check_inputs(builder, folder)
        return Prepared(builder, False, [], [])
    options: dict[str, Any] = {}
    if beam_runner is not None:
        given = pipeline_options(beam_runner, beam_options or {})
        options = {"beam_runner": beam_runner, "beam_options": given}
    config = tfds.download.DownloadConfig(manual_dir=folder, try_download_gcs=False, **options)
    with _set_aside(Path(builder.data_dir)), tempfile.TemporaryDirectory() as nothing, _quiet():
        # TFDS creates its download folder even if there are no downloads.
        builder.download_and_prepare(download_dir=nothing, download_config=config)
    return Prepared(builder, True, builder.notes, builder.skipped)


def _manual_folder(builder: PairBuilder, manual_dir: str | Path | None) -> Path | None:
    """Check that the user's folder is given if, and only if, the builder needs one."""
    if not builder.needs_manual_dir:
        if manual_dir is not None:
            raise ValueError(
                f"`{builder.info.full_name}` is not made from files. "
                f"Got: --manual_dir={manual_dir}."
            )
        return None
    if manual_dir is None:
        got = "no --manual_dir"
    elif not Path(manual_dir).is_dir():
        got = f"--manual_dir={manual_dir}, no folder"
    elif not any(Path(manual_dir).iterdir()):
        got = f"--manual_dir={manual_dir}, an empty folder"
    else:
        return Path(manual_dir).resolve()
    wanted = " ".join(str(builder.MANUAL_DOWNLOAD_INSTRUCTIONS).split())
    raise ValueError(f"`{builder.info.full_name}` needs --manual_dir: {wanted} Got: {got}.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress TFDS's messages about unknown sizes and downloads; errors are raised."""
    verbosity = logging.get_verbosity()
    try:
        if verbosity < logging.DEBUG:
            logging.set_verbosity(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _set_aside(folder: Path) -> Iterator[None]:
    """Move a folder away in one step; restore it on an error, else delete it."""
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
