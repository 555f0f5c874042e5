"""Banks of kernels, drawn from a family or measured, in one .npz file.

Kernel number i of a family is a pure function of (seed, family, i): a bank can be drawn in parts,
on any machine, in any order.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfdeblur.degradations.kernels import (
    SPLINE_EXTENTS,
    TRAJECTORY_SIZES,
    centre_psf,
    check_psf,
    random_gaussian_psf,
    spline_psf,
    text_psf,
    trajectory_psf,
    wide_psf,
)
from tfdeblur.images.files import (
    IMAGE_SUFFIXES,
    ImageError,
    read_photo,
    write_bytes,
    write_image,
)
from tfdeblur.reporting.sheets import Picture, contact_sheet

FAMILIES = ("text", "trajectory", "spline", "gaussian", "anisotropic_gaussian", "wide")
FORMAT_VERSION = 1
MEASURED_SIDE_MAX = 255  # Pixels; anything larger is a photograph rather than a kernel.
SHEET_COLUMNS = 8
SHEET_KERNELS_MAX = 64
_FIELDS = ("format_version", "sides", "weights", "records")


@dataclass(frozen=True)
class Kernel:
    """A kernel of a bank.

    Attributes:
      name: unique in its bank, such as `spline/0/12` (family, seed, number) or a file's name.
      psf: `[S, S]` float32, S odd, non-negative, sums to 1.
      drawn: its drawn parameters, JSON scalars by name.
    """

    name: str
    psf: np.ndarray
    drawn: dict[str, Any] = field(default_factory=dict)


def draw_kernel(family: str, seed: int, index: int) -> Kernel:
    """Draw kernel number `index` of a family.

    Consecutive trajectories cycle through the sizes 13..27 px and consecutive splines through the
    extents 24, 16 and 8 px, so that a bank holds about as many of each.

    Args:
      family: one of `FAMILIES`.
      seed: at least 0.
      index: at least 0.

    Raises:
      ValueError: an argument is outside its range.
    """
    if family not in FAMILIES:
        raise ValueError(f"`family` must be one of {', '.join(FAMILIES)}. Got: {family!r}.")
    for argument, value in (("seed", seed), ("index", index)):
        if value < 0:
            raise ValueError(f"`{argument}` must be at least 0. Got: {value}.")
    words = [seed, *f"kernel/{family}".encode(), index]
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
    if family == "text":
        psf, drawn = text_psf(rng)
    elif family == "trajectory":
        psf, drawn = trajectory_psf(rng, TRAJECTORY_SIZES[index % len(TRAJECTORY_SIZES)])
    elif family == "spline":
        psf, drawn = spline_psf(rng, SPLINE_EXTENTS[index % len(SPLINE_EXTENTS)])
    elif family == "wide":
        psf, drawn = wide_psf(rng)
    else:
        psf, drawn = random_gaussian_psf(rng, isotropic=family == "gaussian")
    return Kernel(f"{family}/{seed}/{index}", psf, drawn)


def draw_bank(family: str, count: int, seed: int = 0) -> list[Kernel]:
    """Draw the kernels 0 to `count` - 1 of a family. See `draw_kernel`.

    Raises:
      ValueError: an argument is outside its range.
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Got: {count}.")
    return [draw_kernel(family, seed, index) for index in range(count)]


def measured_kernel(path: str | Path) -> Kernel:
    """Read a measured kernel from a picture or a .npy file.

    Zero rows and columns around it are cropped, the pixel nearest to the centroid becomes the
    middle of a square with an odd side, and the sum is normalised to 1.

    Args:
      path: a grey, opaque picture (8 bits are used, weights are proportional to brightness), or
        a .npy file with `[h, w]` numbers, for more than 8 bits.

    Returns:
      A kernel named after the file.

    Raises:
      ValueError: the file has another format, contains a negative, infinite or NaN value or only
        zeros, or the kernel is larger than `MEASURED_SIDE_MAX`. The message names the file.
      OSError: there is no such .npy file.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        weights = _read_array(path)
    elif suffix in IMAGE_SUFFIXES:
        weights = _read_grey(path)
    else:
        allowed = ", ".join((*IMAGE_SUFFIXES, ".npy"))
        raise ValueError(f"{path}: a kernel's file must end in {allowed}. Got: {suffix!r}.")
    if not (weights > 0).any() or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"{path}: a kernel must be finite, non-negative and not zero everywhere. "
            f"Got: values from {weights.min():.3g} to {weights.max():.3g}."
        )
    rows, columns = (np.nonzero((weights > 0).any(axis=axis))[0] for axis in (1, 0))
    support = weights[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if max(support.shape) <= MEASURED_SIDE_MAX:
        psf = centre_psf(support / support.max())  # So that the sum does not overflow.
        if len(psf) <= MEASURED_SIDE_MAX:
            return Kernel(path.name, psf)
    raise ValueError(
        f"{path}: a kernel must fit into {MEASURED_SIDE_MAX}x{MEASURED_SIDE_MAX} px around its "
        f"centroid. Got: {support.shape[0]}x{support.shape[1]} pixels that are not zero."
    )


def _read_array(path: Path) -> np.ndarray:
    content = io.BytesIO(path.read_bytes())  # np.load leaves damaged files open.
    try:
        array = np.load(content, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: must be a .npy file with numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "bfiu" or array.ndim != 2:
        found = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else "an archive"
        raise ValueError(f"{path}: a kernel must be [h, w] real numbers. Got: {found}.")
    if array.size == 0:
        raise ValueError(f"{path}: a kernel must not be empty. Got: {array.shape}.")
    return array.astype(np.float64)


def _read_grey(path: Path) -> np.ndarray:
    photo = read_photo(path)
    if photo.alpha is not None and photo.alpha.min() < 255:
        raise ImageError(f"{path}: a kernel's picture must be opaque. Got: transparent pixels.")
    if np.ptp(photo.rgb, axis=2).any():
        raise ImageError(f"{path}: a kernel's picture must be grey. Got: colours.")
    return photo.rgb[..., 0].astype(np.float64)


def add_measured(kernels: Sequence[Kernel], paths: Iterable[str | Path]) -> list[Kernel]:
    """Return `kernels` followed by those of files; see `measured_kernel`.

    Args:
      kernels: a bank, which may be empty.
      paths: files, and folders, whose pictures and .npy files are all read, sorted by name.

    Raises:
      ValueError: a file holds no kernel, a folder holds no file, or a name already exists.
      OSError: a file cannot be read.
    """
    extended = list(kernels)
    names = {kernel.name for kernel in extended}
    for path in map(Path, paths):
        for file in _kernel_files(path) if path.is_dir() else [path]:
            kernel = measured_kernel(file)
            if kernel.name in names:
                raise ValueError(f"{file}: the bank has a kernel named {kernel.name!r} already.")
            names.add(kernel.name)
            extended.append(kernel)
    return extended


def _kernel_files(folder: Path) -> list[Path]:
    suffixes = (*IMAGE_SUFFIXES, ".npy")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    if not files:
        raise ValueError(f"{folder}: must hold files that end in {', '.join(suffixes)}. Got: none.")
    return files


def save_bank(path: str | Path, kernels: Sequence[Kernel]) -> None:
    """Write a bank to one .npz file, atomically; the same kernels give the same bytes.

    Raises:
      ValueError: the suffix is wrong, there are no kernels, or one is invalid: see `load_bank`.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path}: a bank's file must end in .npz. Got: {path.suffix!r}.")
    _check(path, kernels)
    records = [{"name": kernel.name, "drawn": kernel.drawn} for kernel in kernels]
    encoded = io.BytesIO()
    np.savez_compressed(
        encoded,
        format_version=np.int64(FORMAT_VERSION),
        sides=np.array([len(kernel.psf) for kernel in kernels], np.int32),
        weights=np.concatenate([kernel.psf.ravel() for kernel in kernels]),
        records=np.frombuffer(json.dumps(records, sort_keys=True).encode(), np.uint8),
    )
    write_bytes(path, encoded.getvalue())


def load_bank(path: str | Path) -> list[Kernel]:
    """Read a bank and check every kernel.

    Raises:
      ValueError: the file is not a bank, has another format version or is damaged, or a kernel is
        not square and odd, finite, non-negative and of sum 1, or its name is not unique. The
        message names file and kernel.
      OSError: there is no such file.
    """
    path = Path(path)
    fields = _read_fields(path)
    version = fields["format_version"]
    if version.ndim or version != FORMAT_VERSION:
        raise ValueError(f"{path}: `format_version` must be {FORMAT_VERSION}. Got: {version}.")
    sides, weights = fields["sides"], fields["weights"]
    if sides.dtype != np.int32 or sides.ndim != 1 or (sides < 1).any():
        found = f"{sides.dtype} {np.array2string(sides, threshold=8)}"
        raise ValueError(f"{path}: `sides` must be [N] int32 of at least 1. Got: {found}.")
    areas = sides.astype(np.int64) ** 2
    if weights.dtype != np.float32 or weights.shape != (areas.sum(),):
        raise ValueError(
            f"{path}: `weights` must be [{areas.sum()}] float32 for the sides that it names. "
            f"Got: {weights.shape} {weights.dtype}."
        )
    parts = np.split(weights, np.cumsum(areas)[:-1]) if len(sides) else []
    psfs = [part.reshape(side, side) for part, side in zip(parts, sides, strict=True)]
    kernels = [
        Kernel(name, psf, drawn)
        for (name, drawn), psf in zip(_records(path, fields, len(psfs)), psfs, strict=True)
    ]
    _check(path, kernels)
    return kernels


def _read_fields(path: Path) -> dict[str, np.ndarray]:
    content = io.BytesIO(path.read_bytes())  # np.load leaves damaged files open.
    try:
        with np.load(content, allow_pickle=False) as archive:
            if isinstance(archive, np.lib.npyio.NpzFile) and set(archive.files) >= set(_FIELDS):
                return {name: archive[name] for name in _FIELDS}
    except (ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as e:
        raise ValueError(f"{path}: must be a bank of kernels (.npz); it cannot be read: {e}") from e
    raise ValueError(f"{path}: a bank of kernels must hold {', '.join(_FIELDS)}.")


def _records(
    path: Path, fields: dict[str, np.ndarray], count: int
) -> list[tuple[str, dict[str, Any]]]:
    try:
        records = json.loads(fields["records"].tobytes().decode())
        found = [(str(record["name"]), dict(record["drawn"])) for record in records]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: `records` must be JSON with names: {error!r}") from error
    if len(found) != count:
        raise ValueError(f"{path}: `records` must name {count} kernels. Got: {len(found)}.")
    return found


def _check(path: Path, kernels: Sequence[Kernel]) -> None:
    if not kernels:
        raise ValueError(f"{path}: a bank must hold at least one kernel. Got: none.")
    names = set()
    for kernel in kernels:
        try:
            check_psf(kernel.psf)
        except ValueError as error:
            raise ValueError(f"{path}: kernel {kernel.name!r} {error}") from error
        if kernel.name in names:
            raise ValueError(f"{path}: kernel {kernel.name!r} comes twice; names must be unique.")
        names.add(kernel.name)


def collect(
    *,
    family: str | None = None,
    count: int | None = None,
    seed: int | None = None,
    bank: str | Path | None = None,
    add: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> list[Kernel]:
    """Draw kernels or open a bank, add measured ones, and write the bank if it changed.

    Args:
      family: the family to draw from; None opens `bank`, or starts an empty one if there are files
        to add.
      count: number of kernels to draw, by default 64.
      seed: of the draws, by default 0.
      bank: a .npz file; None writes nothing.
      add: files and folders of measured kernels.
      overwrite: whether drawn kernels may replace an existing bank.

    Raises:
      ValueError: there is nothing to do, `bank` would be replaced, or as in the functions above.
      OSError: a file cannot be read or written.
    """
    there = bank is not None and Path(bank).exists()
    if family is None and (count is not None or seed is not None):
        raise ValueError("`count` and `seed` need a `family` to draw from. Got: none.")
    if family is not None:
        if there and not overwrite:
            raise ValueError(f"{bank}: is there already; `overwrite` replaces it.")
        kernels = draw_bank(family, 64 if count is None else count, seed or 0)
    elif bank is not None and (there or not add):
        kernels = load_bank(bank)
    elif add:
        kernels = []
    else:
        raise ValueError(f"needs a `family` ({', '.join(FAMILIES)}), a `bank` or files to `add`.")
    kernels = add_measured(kernels, add)
    if bank is not None and (family is not None or add):
        save_bank(bank, kernels)
    return kernels


def table(kernels: Sequence[Kernel]) -> list[str]:
    """Describe each kernel in a line: name, side, RMS radius in pixels and drawn parameters."""
    width = max((len(kernel.name) for kernel in kernels), default=0)
    lines = []
    for kernel in kernels:
        drawn = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in kernel.drawn.items()
        )
        size = f"{len(kernel.psf):3} px  rms {_rms_radius(kernel.psf):5.2f} px"
        lines.append(f"{kernel.name:{width}}  {size}  {drawn}".rstrip())
    return lines


def _rms_radius(psf: np.ndarray) -> float:
    """Return the root of the mean squared distance from the centroid."""
    offset = np.arange(len(psf))
    variance = 0.0
    for axis in (0, 1):
        profile = psf.sum(axis=axis, dtype=np.float64)
        mean = profile @ offset
        variance += profile @ (offset - mean) ** 2
    return float(np.sqrt(variance))


def kernel_sheet(kernels: Sequence[Kernel]) -> np.ndarray:
    """Draw the first `SHEET_KERNELS_MAX` kernels on a contact sheet, all at one scale.

    Returns:
      `[H, W, 3] uint8`; white is each kernel's largest weight, black is 0.

    Raises:
      ValueError: there is no kernel.
    """
    pictures = []
    for kernel in kernels[:SHEET_KERNELS_MAX]:
        grey = np.round(kernel.psf / kernel.psf.max() * 255).astype(np.uint8)
        caption = f"{kernel.name}\n{len(kernel.psf)} px"
        pictures.append(Picture(np.repeat(grey[..., None], 3, axis=2), caption))
    rows = [pictures[at : at + SHEET_COLUMNS] for at in range(0, len(pictures), SHEET_COLUMNS)]
    return contact_sheet(rows)


def write_sheet(path: str | Path, kernels: Sequence[Kernel]) -> int:
    """Write `kernel_sheet` to a picture and return the number of kernels that it shows.

    Raises:
      ValueError: there is no kernel, or the suffix is not a picture's.
      OSError: the file cannot be written.
    """
    write_image(path, kernel_sheet(kernels))
    return min(len(kernels), SHEET_KERNELS_MAX)
