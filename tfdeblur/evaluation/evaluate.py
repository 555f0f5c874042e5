"""Score a model on pairs against the trivial baseline, under a named protocol.

The baseline is what a user gets without a model: MATLAB's bicubic enlargement of the degraded
image, or at scale 1 the degraded image itself. Needs no TensorFlow: a model is any function from
uint8 to uint8.
"""

import csv
import dataclasses
import io
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from tfdeblur.data.pairs import ImagePair, PairError, PairFile, check_scale
from tfdeblur.evaluation.protocols import DEFAULT, Protocol, make_protocol
from tfdeblur.images import files, resize
from tfdeblur.inference.restorer import UnfitSize
from tfdeblur.metrics.sharpness import EPSILON, dark_channel_count
from tfdeblur.reporting.sheets import Picture, contact_sheet

Restore = Callable[[np.ndarray], np.ndarray]  # [H, W, 3] uint8 -> [sH, sW, 3] uint8
Pairs = Iterable[PairFile | tuple[str, np.ndarray, np.ndarray]]

SHOWN = (("worst", 2), ("median", 2), ("best", 2))  # rows of the picture grid, by gain in PSNR


@dataclasses.dataclass(frozen=True)
class ImageScores:
    """The scores of one image; `dark` counts are from `dark_channel_count`, eq. 12 of SCGAN."""

    id: str
    height: int
    width: int
    baseline_psnr: float
    baseline_ssim: float
    psnr: float
    ssim: float
    baseline_dark: int
    dark: int
    target_dark: int

    @property
    def baseline_dcr(self) -> float | None:
        """Dark channel ratio of the baseline; None if the truth's count is 0."""
        return self.baseline_dark / (self.target_dark + EPSILON) if self.target_dark else None

    @property
    def dcr(self) -> float | None:
        """Dark channel ratio of the restored image; None if the truth's count is 0."""
        return self.dark / (self.target_dark + EPSILON) if self.target_dark else None


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of all images, in the order of the pairs, and id -> message of failed pairs."""

    images: list[ImageScores]
    failed: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Gain:
    """Mean of paired differences, and the standard error of that mean (None for one pair)."""

    mean: float
    standard_error: float | None
    count: int


def paired_gain(before: Sequence[float], after: Sequence[float]) -> Gain:
    """Return the mean of `after - before` and its standard error, s / sqrt(n).

    By hand: differences 1, 2, 3 have mean 2, s = 1, standard error 1 / sqrt(3) = 0.5774.

    Args:
      before: scores of the same images as `after`, in the same order.
      after: scores to compare with `before`.

    Raises:
      ValueError: the two are empty or differ in length.
    """
    if not before or len(before) != len(after):
        raise ValueError(
            "`before` and `after` must have one length of at least 1. "
            f"Got: {len(before)} and {len(after)}."
        )
    gains = [float(b) - float(a) for a, b in zip(before, after, strict=True)]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else None
    return Gain(statistics.fmean(gains), error, len(gains))


def make_baseline(degraded: np.ndarray, scale: int) -> np.ndarray:
    """Return the baseline for `[H, W, 3] uint8`, `[sH, sW, 3] uint8`."""
    if scale == 1:
        return degraded
    return resize.to_uint8(resize.upscale(degraded, scale) / 255.0)


def score_pairs(restore: Restore, pairs: Pairs, scale: int, protocol: Protocol) -> Scores:
    """Restore every pair's degraded image and score it and the baseline against the target.

    Args:
      restore: `[H, W, 3] uint8` to `[sH, sW, 3] uint8`.
      pairs: files, or `(id, degraded, target)` in memory.
      scale: enlargement factor of the target.
      protocol: colours and border of PSNR and SSIM.

    Returns:
      The scores. A pair that cannot be read, has another scale, is too small for SSIM or has a size
      that the model does not accept is listed under `failed`; the others are still scored.

    Raises:
      PairError: there are no pairs, or every pair failed.
      ValueError: `restore` returned another size or dtype.
    """
    images: list[ImageScores] = []
    failed: dict[str, str] = {}
    for item in tqdm(pairs, desc="evaluate", unit="image", disable=None):
        try:
            pair = _load(item, scale, protocol)
            restored = _restore(restore, pair)
        except (files.ImageError, PairError, OSError) as error:
            failed[item.id if isinstance(item, PairFile) else item[0]] = str(error)
            continue
        images.append(_score(pair, restored, scale, protocol))
    if not images:
        reasons = "\n  ".join(failed.values()) or "there is none"
        raise PairError(f"no pair could be evaluated:\n  {reasons}")
    return Scores(images, failed)


def _load(item: PairFile | tuple, scale: int, protocol: Protocol) -> ImagePair:
    pair = item.load() if isinstance(item, PairFile) else ImagePair(*item).as_rgb()
    check_scale(pair, scale)
    height, width = pair.target.shape[:2]
    if min(height, width) < protocol.minimum_size:
        raise PairError(
            f"pair {pair.id!r}: under protocol `{protocol.name}` the target must have at least "
            f"{protocol.minimum_size} px each way. Got: {height}x{width}."
        )
    return pair


def _restore(restore: Restore, pair: ImagePair) -> np.ndarray:
    try:
        restored = restore(pair.degraded)
    except UnfitSize as error:
        raise PairError(f"pair {pair.id!r}: {error}") from error
    if restored.shape != pair.target.shape or restored.dtype != np.uint8:
        raise ValueError(
            f"pair {pair.id!r}: the model must return {pair.target.shape} uint8. "
            f"Got: {restored.shape} {restored.dtype}."
        )
    return restored


def _score(pair: ImagePair, restored: np.ndarray, scale: int, protocol: Protocol) -> ImageScores:
    baseline = make_baseline(pair.degraded, scale)
    return ImageScores(
        id=pair.id,
        height=pair.target.shape[0],
        width=pair.target.shape[1],
        baseline_psnr=protocol.psnr(baseline, pair.target),
        baseline_ssim=protocol.ssim(baseline, pair.target),
        psnr=protocol.psnr(restored, pair.target),
        ssim=protocol.ssim(restored, pair.target),
        baseline_dark=dark_channel_count(baseline),
        dark=dark_channel_count(restored),
        target_dark=dark_channel_count(pair.target),
    )


def summarise(scores: Scores, scale: int, protocol: Protocol) -> dict[str, Any]:
    """Return the means as a JSON object.

    Its keys: `protocol`, `protocol_description`, `scale`, `count`; `baseline_method`; `baseline`
    and `restored`, each with `psnr` (dB, mean of values capped at 100), `ssim`, `dcr` (mean of eq.
    12 over the `dcr_count` images whose truth has a count; null if none has) and `dcr_pooled` (the
    ratio of the summed counts, which a few almost empty images cannot dominate); `gain`, mean and
    `standard_error` of the paired differences in `psnr` and `ssim`; `failed`, id to message.
    """
    images = scores.images
    target_dark = sum(image.target_dark for image in images)

    def means(prefix: str) -> dict[str, float | None]:
        column = {
            name: [getattr(image, prefix + name) for image in images]
            for name in ("psnr", "ssim", "dcr", "dark")
        }
        ratios = [ratio for ratio in column["dcr"] if ratio is not None]
        return {
            "psnr": statistics.fmean(column["psnr"]),
            "ssim": statistics.fmean(column["ssim"]),
            "dcr": statistics.fmean(ratios) if ratios else None,
            "dcr_pooled": sum(column["dark"]) / target_dark if target_dark else None,
        }

    def gain(name: str) -> dict[str, float | None]:
        before = [getattr(image, f"baseline_{name}") for image in images]
        paired = paired_gain(before, [getattr(image, name) for image in images])
        return {"mean": paired.mean, "standard_error": paired.standard_error}

    return {
        "protocol": protocol.name,
        "protocol_description": protocol.description,
        "scale": scale,
        "count": len(images),
        "dcr_count": sum(image.dcr is not None for image in images),
        "baseline_method": "input" if scale == 1 else "bicubic",
        "baseline": means("baseline_"),
        "restored": means(""),
        "gain": {"psnr": gain("psnr"), "ssim": gain("ssim")},
        "failed": dict(scores.failed),
    }


def evaluate(
    restore: Restore,
    pairs: Pairs,
    scale: int,
    protocol: Protocol | str = DEFAULT,
    output: str | Path | None = None,
    *,
    context: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Score `pairs` and, given `output`, write summary.json, per_image.csv and grid.png there.

    Args:
      restore: `[H, W, 3] uint8` to `[sH, sW, 3] uint8`.
      pairs: as in `score_pairs`; an iterator is read into memory if pictures are asked for.
      scale: enlargement factor of the target.
      protocol: a protocol or the name of a preset.
      output: folder for the report, created if missing.
      context: additional facts for the summary, such as the model and the data.

    Returns:
      The summary; see `summarise`.

    Raises:
      PairError, ValueError: as `score_pairs`.
    """
    if isinstance(protocol, str):
        protocol = make_protocol(protocol, scale)
    if output is not None:
        Path(output).mkdir(parents=True, exist_ok=True)  # Fail now, not after hours of scoring.
        if not isinstance(pairs, Sized):
            pairs = list(pairs)
    scores = score_pairs(restore, pairs, scale, protocol)
    summary = {**(context or {}), **summarise(scores, scale, protocol)}
    if output is not None:
        folder = Path(output)
        files.write_text(folder / "per_image.csv", format_table(scores.images))
        files.write_image(folder / "grid.png", draw_grid(restore, pairs, scores, scale))
        files.write_json(folder / "summary.json", summary)
    return summary


def format_table(images: Iterable[ImageScores]) -> str:
    """Return per_image.csv: one line per image; an undefined dark channel ratio is empty."""
    text = io.StringIO()
    fields = [field.name for field in dataclasses.fields(ImageScores)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*fields, "baseline_dcr", "dcr"])
    for image in images:
        writer.writerow([*dataclasses.astuple(image), image.baseline_dcr, image.dcr])
    return text.getvalue()


def format_summary(summary: Mapping[str, Any]) -> str:
    """Return the lines for a terminal: baseline and restored side by side, and the protocol."""
    lines = [f"{'':12}{summary['baseline_method']:>10}{'restored':>10}{'gain':>10}"]
    for name, digits in (("psnr", 2), ("ssim", 4), ("dcr", 4), ("dcr_pooled", 4)):
        before, after = summary["baseline"][name], summary["restored"][name]
        if before is None:
            continue
        line = f"{name:12}{before:10.{digits}f}{after:10.{digits}f}{after - before:+10.{digits}f}"
        error = summary["gain"].get(name, {}).get("standard_error")
        lines.append(line if error is None else f"{line} (standard error {error:.{digits}f})")
    lines.append(
        f"{summary['count']} image(s), x{summary['scale']}; protocol `{summary['protocol']}`: "
        f"{summary['protocol_description']}."
    )
    lines += [f"FAILED {message}" for message in summary["failed"].values()]
    return "\n".join(lines)


def format_means(summary: Mapping[str, Any]) -> str:
    """Return mean PSNR and SSIM, beside the baseline's, and the number of images, in one line."""
    method, before, after = (summary[name] for name in ("baseline_method", "baseline", "restored"))
    return (
        f"PSNR {after['psnr']:.2f} dB ({method} {before['psnr']:.2f}), "
        f"SSIM {after['ssim']:.4f} ({method} {before['ssim']:.4f}), {summary['count']} images"
    )


def draw_grid(restore: Restore, pairs: Pairs, scores: Scores, scale: int) -> np.ndarray:
    """Draw the pairs with the worst, median and best gain: baseline, restored, truth.

    Args:
      restore: the function that was scored.
      pairs: the pairs that were scored; only the chosen ones are restored again.
      scores: their scores.
      scale: enlargement factor of the target.

    Returns:
      `[H, W, 3] uint8`.
    """
    chosen = _choose(scores.images)
    rows = {}
    for item in pairs:
        name = item.id if isinstance(item, PairFile) else item[0]
        if name in chosen and name not in rows:
            pair = item.load() if isinstance(item, PairFile) else ImagePair(*item).as_rgb()
            rows[name] = _grid_row(pair, restore(pair.degraded), scale, *chosen[name])
        if len(rows) == len(chosen):
            break
    return contact_sheet([rows[name] for name in chosen])


def _choose(images: Sequence[ImageScores]) -> dict[str, tuple[ImageScores, str]]:
    """Map the ids to show, worst gain first, to their scores and the label of their rank."""
    ordered = sorted(images, key=lambda image: image.psnr - image.baseline_psnr)
    if len(ordered) <= sum(count for _, count in SHOWN):
        return {image.id: (image, "") for image in ordered}
    chosen = {}
    for word, count in SHOWN:
        first = {"worst": 0, "median": (len(ordered) - count) // 2, "best": len(ordered) - count}
        for image in ordered[first[word] : first[word] + count]:
            chosen[image.id] = (image, word)
    return chosen


def _grid_row(
    pair: ImagePair, restored: np.ndarray, scale: int, scores: ImageScores, word: str
) -> list[Picture]:
    method = "input" if scale == 1 else "bicubic"
    gain = f"{scores.psnr - scores.baseline_psnr:+.2f} dB" + (f", {word}" if word else "")
    return [
        Picture(
            make_baseline(pair.degraded, scale),
            f"{method}: {scores.baseline_psnr:.2f} dB, {scores.baseline_ssim:.3f}\n{pair.id}",
        ),
        Picture(restored, f"restored: {scores.psnr:.2f} dB, {scores.ssim:.3f}\n{gain}"),
        Picture(pair.target, "truth"),
    ]
