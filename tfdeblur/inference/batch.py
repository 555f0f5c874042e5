"""Restore files and folders: a bad file is reported and the others are still restored."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfdeblur.images.files import (
    IMAGE_SUFFIXES,
    ImageError,
    find_images,
    read_photo,
    write_image,
)
from tfdeblur.inference.restorer import Restorer, UnfitSize
from tfdeblur.inference.shipped import ModelError

Report = Callable[[str], None]


@dataclass
class Outcome:
    """The result of a run over several inputs.

    Attributes:
      restored: number of restored pictures.
      skipped: number of existing results that were kept.
      failures: one message per failure.
      ignored: files in the folders whose suffix is not a picture's.
    """

    restored: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)


def restore_files(
    restorer: Restorer,
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    skip_existing: bool = False,
) -> Outcome:
    """Restore files and folders into `output`, under the same names.

    PNG stays PNG and JPEG stays JPEG; a folder's tree is mirrored. Existing results are replaced,
    but never an input, and never another input's result from the same run.

    Args:
      restorer: the model.
      inputs: files and folders.
      output: the folder for the results; created if missing.
      skip_existing: keep existing results, to resume an interrupted run.

    Returns:
      The outcome. Each failure is also written to standard error as soon as it happens.

    Raises:
      NotADirectoryError: `output` is a file.
    """
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"`output` must be a folder. Got the file {output}.")
    outcome = Outcome()

    def fail(message: str) -> None:
        outcome.failures.append(message)
        tqdm.write(f"FAILED {message}", file=sys.stderr)

    others: dict[str, Path] = {}
    jobs = _plan(inputs, output, fail, lambda path: others.setdefault(os.path.realpath(path), path))
    outcome.ignored = list(others.values())
    protected = {_identity(source) for source, _ in jobs if source.exists()}
    for source, target in tqdm(jobs, desc="restore", unit="image", disable=None):
        if target.exists() and _identity(target) in protected:
            fail(f"{source}: its result {target} would overwrite an input.")
        elif skip_existing and target.exists():
            outcome.skipped += 1
        else:
            try:
                _restore_file(restorer, source, target)
                outcome.restored += 1
            except (ImageError, ModelError) as error:
                fail(str(error))
            except (OSError, MemoryError) as error:
                fail(f"{source}: {error or type(error).__name__}")
    return outcome


def _plan(
    inputs: Sequence[str | Path], output: Path, fail: Report, pass_over: Callable[[Path], object]
) -> list[tuple[Path, Path]]:
    """List (source, target); report inputs without pictures and sources that share a target."""
    jobs: dict[Path, Path] = {}
    for given in inputs:
        try:
            found = find_images([given], exclude=output, pass_over=pass_over)
        except OSError as error:
            fail(f"{given}: cannot be searched: {error}")
            continue
        if not found:
            fail(f"{given}: has no file that ends in {', '.join(IMAGE_SUFFIXES)}.")
        for source, relative in found:
            first = jobs.setdefault(output / relative, source)
            if os.path.realpath(first) != os.path.realpath(source):
                fail(f"{source}: its result {output / relative} is already that of {first}.")
    return [(source, target) for target, source in jobs.items()]


def _identity(path: Path) -> tuple[int, int]:
    """Return a key that identifies a file under any of its names."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _restore_file(restorer: Restorer, source: Path, target: Path) -> None:
    photo = read_photo(source)
    if target.suffix.lower() not in IMAGE_SUFFIXES:
        raise ImageError(f"{source}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}.")
    try:
        restored = restorer.restore_photo(photo)
    except UnfitSize as error:
        raise ImageError(f"{source}: {error}") from error
    image = restored.rgb
    if restored.alpha is not None:
        image = np.dstack([image, restored.alpha])
    write_image(target, image)
