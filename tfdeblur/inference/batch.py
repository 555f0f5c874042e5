"""Restore files and folders: a bad file is reported and the others are still restored."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from tfdeblur.images.decoding import ImageError
from tfdeblur.images.encoding import FORMATS, QUALITY, obstacle
from tfdeblur.images.files import IMAGE_SUFFIXES, find_images, image_size, read_photo, write_photo
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
    suffix: str | None = None,
    quality: int = QUALITY,
) -> Outcome:
    """Restore files and folders into `output`, under the same names.

    Each result has its input's format, or PNG if that is only read (GIF, PPM); a folder's tree is
    mirrored. Existing results are replaced, but never an input, and never another input's result
    from the same run.

    Args:
      restorer: the model.
      inputs: files and folders.
      output: the folder for the results; created if missing.
      skip_existing: keep existing results, to resume an interrupted run.
      suffix: a key of `encoding.FORMATS`, for all results; None keeps each input's.
      quality: of JPEG and WebP, 1 to 100.

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
    jobs = _plan(
        inputs, output, suffix, fail, lambda path: others.setdefault(os.path.realpath(path), path)
    )
    outcome.ignored = list(others.values())
    protected = {_identity(source) for source, _ in jobs if source.exists()}
    for source, target in tqdm(jobs, desc="restore", unit="image", disable=None):
        if target.exists() and _identity(target) in protected:
            fail(f"{source}: its result {target} would overwrite an input.")
        elif skip_existing and target.exists():
            outcome.skipped += 1
        else:
            try:
                _restore_file(restorer, source, target, quality)
                outcome.restored += 1
            except (ImageError, ModelError) as error:
                fail(str(error))
            except (OSError, MemoryError) as error:
                fail(f"{source}: {error or type(error).__name__}")
    return outcome


def _plan(
    inputs: Sequence[str | Path],
    output: Path,
    suffix: str | None,
    fail: Report,
    pass_over: Callable[[Path], object],
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
            target = (output / relative).with_suffix(suffix or _written_suffix(source))
            first = jobs.setdefault(target, source)
            if os.path.realpath(first) != os.path.realpath(source):
                fail(f"{source}: its result {target} is already that of {first}.")
    return [(source, target) for target, source in jobs.items()]


def _written_suffix(source: Path) -> str:
    """Return the source's own suffix, or .png for formats that are only read."""
    only_read = source.suffix.lower() in set(IMAGE_SUFFIXES) - set(FORMATS)
    return ".png" if only_read else source.suffix


def _identity(path: Path) -> tuple[int, int]:
    """Return a key that identifies a file under any of its names."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _restore_file(restorer: Restorer, source: Path, target: Path, quality: int) -> None:
    """Restore one file; refuse what the result's format cannot hold before the work is done."""
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"{source}: the suffix must be one of {', '.join(IMAGE_SUFFIXES)}.")
    width, height = (restorer.scale * side for side in image_size(source))
    _refuse(source, obstacle(suffix, height, width, transparent=False))
    photo = read_photo(source)
    _refuse(source, obstacle(suffix, height, width, transparent=photo.alpha is not None))
    try:
        restored = restorer.restore_photo(photo)
    except UnfitSize as error:
        raise ImageError(f"{source}: {error}") from error
    write_photo(target, restored, quality=quality)


def _refuse(source: Path, why: str | None) -> None:
    if why:
        raise ImageError(f"{source}: the result does not fit its format: {why} Try --format=png.")
