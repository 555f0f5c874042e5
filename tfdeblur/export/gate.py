"""The checks that an artifact must pass before it is published.

The SavedModel and the TensorFlow Lite file are run as a user would, through their signatures, on
real images of several sizes, and compared with the trained generator in memory. A failing gate says
which artifact broke which rule and what was measured.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from tfdeblur.export import tflite
from tfdeblur.images import tensors
from tfdeblur.metrics import fidelity
from tfdeblur.models.config import ModelConfig
from tfdeblur.stack import keras

SAVED_MODEL = "saved_model.pb"
Restore = Callable[[np.ndarray], np.ndarray]  # uint8 [H, W, 3] -> uint8 [sH, sW, 3]


class GateError(RuntimeError):
    """An artifact broke a rule of the gate; nothing was published."""

    def __init__(self, artifact: str, rule: str, measured: str):
        super().__init__(f"{artifact} failed the export gate: {rule}. Measured: {measured}.")


@dataclass(frozen=True)
class GateLimits:
    """The rules, as numbers."""

    images: int = 10  # Minimum number of check images.
    sizes: int = 5  # Minimum number of different sizes among them.
    levels: int = 1  # Largest difference from the trained generator, in 8-bit levels.
    psnr_change_db: float = 0.05  # Of the mean PSNR against the targets, if there are targets.
    file_bytes: int = 100 * 2**20  # Larger files are refused by common Git hosts.
    tflite_overhead_bytes: int = 2**18  # Of the TFLite file, beyond two bytes per weight.


def restore_in_memory(generator: keras.Model, model_config: ModelConfig) -> Restore:
    """Return the reference for artifacts: the generator, called directly.

    It pads with numpy, so that the graph's padding is checked too.
    """

    def restore(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        sides = (max(side, model_config.minimum_size) for side in (height, width))
        rows, columns = (-(-side // model_config.size_multiple) for side in sides)
        bottom = rows * model_config.size_multiple - height
        right = columns * model_config.size_multiple - width
        padded = np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="symmetric")
        restored = generator(tensors.to_float(padded[np.newaxis]), training=False)
        scale = model_config.scale
        return tensors.to_uint8(restored).numpy()[0, : height * scale, : width * scale]

    return restore


def _check_images(
    images: Sequence[np.ndarray],
    targets: Sequence[np.ndarray] | None,
    model_config: ModelConfig,
    limits: GateLimits,
) -> None:
    for index, image in enumerate(images):
        if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(
                f"`check_images[{index}]` must be [H, W, 3] uint8 and not empty. "
                f"Got: {image.shape} {image.dtype}."
            )
    sizes = {image.shape[:2] for image in images}
    scale, side = model_config.scale, model_config.fixed_input_size
    least_sizes = limits.sizes if side is None else 1
    if len(images) < limits.images or len(sizes) < least_sizes:
        raise ValueError(
            f"`check_images` must be at least {limits.images} images of at least {least_sizes} "
            f"sizes. Got: {len(images)} of {len(sizes)}."
        )
    if side is not None and sizes != {(side, side)}:
        raise ValueError(
            f"`check_images` must be {side}x{side} px, the one size that the model takes. "
            f"Got, as (height, width): {sorted(sizes)}."
        )
    wanted = [(scale * image.shape[0], scale * image.shape[1], 3) for image in images]
    if targets is not None and [target.shape for target in targets] != wanted:
        raise ValueError(
            f"`check_targets` must be the check images' sizes times {scale}, one for each image. "
            f"Got: {[target.shape for target in targets]}, wanted: {wanted}."
        )


def _compare(
    artifact: str, results: Sequence[np.ndarray], expected: Sequence[np.ndarray], levels: int
) -> dict[str, Any]:
    """Return the largest difference and the share of differing values; raise above `levels`."""
    maxima, differing, count = [], 0, 0
    for index, (result, wanted) in enumerate(zip(results, expected, strict=True)):
        if result.shape != wanted.shape or result.dtype != wanted.dtype:
            raise GateError(
                artifact,
                "the output follows the size of the input",
                f"{result.shape} {result.dtype} on image {index}, which makes {wanted.shape}",
            )
        difference = np.abs(result.astype(np.int16) - wanted.astype(np.int16))
        maxima.append(int(difference.max()))
        differing += int(np.count_nonzero(difference))
        count += difference.size
    worst = int(np.argmax(maxima))
    if maxima[worst] > levels:
        raise GateError(
            artifact,
            f"at most {levels} level(s) of 255 from the trained generator",
            f"{maxima[worst]} on image {worst}, {expected[worst].shape[0]}x"
            f"{expected[worst].shape[1]} when restored",
        )
    return {"max_levels": maxima[worst], "differing_share": differing / count}


def _psnr_change(
    artifact: str,
    results: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    targets: Sequence[np.ndarray] | None,
    limit: float,
) -> dict[str, float]:
    """Return the change in mean PSNR against the targets; raise above `limit`."""
    if targets is None:
        return {}
    scored = [
        np.mean(
            [
                fidelity.cap_psnr(fidelity.psnr(image, target))
                for image, target in zip(images[: len(targets)], targets, strict=True)
            ]
        )
        for images in (results, expected)
    ]
    change = float(scored[0] - scored[1])
    if not abs(change) <= limit:
        raise GateError(
            artifact, f"the mean PSNR changes by at most {limit} dB", f"{change:+.4f} dB"
        )
    return {"psnr_change_db": change}


def _check_sizes(folder: Path, weights: int, limits: GateLimits) -> dict[str, int]:
    """Return the bytes of both artifacts; raise for a file that is too large."""
    sizes = {path.relative_to(folder): path.stat().st_size for path in folder.rglob("*.*")}
    for name, size in sizes.items():
        if size > limits.file_bytes:
            raise GateError(
                str(name), f"a file has at most {limits.file_bytes} bytes", f"{size} bytes"
            )
    tflite_bytes = sizes.pop(Path(tflite.FILE_NAME))
    most = 2 * weights + limits.tflite_overhead_bytes
    if tflite_bytes > most:
        raise GateError(
            tflite.FILE_NAME,
            f"{weights} float16 weights and their graph take at most {most} bytes",
            f"{tflite_bytes} bytes",
        )
    return {"saved_model": sum(sizes.values()), "tflite": tflite_bytes}


def _encode(image: np.ndarray, image_format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, image_format)
    return buffer.getvalue()


def _decode(image_bytes: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image_bytes)).convert("RGB"))


def check_restore_bytes(
    restore_bytes: Callable[..., dict[str, tf.Tensor]],
    reference: Restore,
    images: Sequence[np.ndarray],
    limits: GateLimits,
) -> dict[str, Any]:
    """Send all images as one batch, PNG and JPEG alternately, and compare the results."""
    sent = [_encode(image, ("PNG", "JPEG")[index % 2]) for index, image in enumerate(images)]
    answers = restore_bytes(image_bytes=tf.constant(sent))["restored_bytes"].numpy()
    artifact = f"restore_bytes of {SAVED_MODEL}"
    expected = [reference(_decode(image_bytes)) for image_bytes in sent]
    return _compare(artifact, [_decode(answer) for answer in answers], expected, limits.levels)


def check_operators(content: bytes) -> list[str]:
    """Return the operators of a TFLite file; raise `GateError` if any is not builtin."""
    builtin, other = tflite.list_operators(content)
    if other:
        raise GateError(tflite.FILE_NAME, "builtin operators only", ", ".join(other))
    return builtin


def run_gate(
    folder: Path,
    generator: keras.Model,
    model_config: ModelConfig,
    check_images: Sequence[np.ndarray],
    *,
    check_targets: Sequence[np.ndarray] | None = None,
    limits: GateLimits | None = None,
) -> dict[str, Any]:
    """Measure a staged version folder against the trained generator.

    Unless the model accepts only one size, three tiny crops of the first check image are run too:
    1x1, one row, one column.

    Args:
      folder: holds the SavedModel and the TensorFlow Lite file.
      generator: the trained generator; computes in float32.
      model_config: its scale and legal sizes.
      check_images: real images, uint8 `[H, W, 3]`, at least ten in at least five sizes, or all of
        the model's one size.
      check_targets: the sharp images, uint8 `[sH, sW, 3]`; if given, PSNR is compared too.
      limits: rules to use instead of the defaults.

    Returns:
      The measurements, for `parity` in metadata.json.

    Raises:
      GateError: an artifact broke a rule.
      ValueError: the images are too few, of too few sizes, or malformed.
    """
    limits = limits or GateLimits()
    _check_images(check_images, check_targets, model_config, limits)
    images = [*check_images]
    if model_config.fixed_input_size is None:
        first = check_images[0]
        images += [first[:1, :1], first[:1], first[:, :1]]
    reference = restore_in_memory(generator, model_config)
    expected = [reference(image) for image in images]

    content = (folder / tflite.FILE_NAME).read_bytes()
    operators = check_operators(content)
    size_bytes = _check_sizes(folder, generator.count_params(), limits)
    loaded = tf.saved_model.load(str(folder))  # Keeps its variables alive.
    signatures = loaded.signatures
    runner = Interpreter(model_content=content).get_signature_runner("serving_default")
    answers: dict[str, Restore] = {
        SAVED_MODEL: lambda image: (
            signatures["serving_default"](images=tf.constant(image[np.newaxis]))["restored"]
        ).numpy()[0],
        tflite.FILE_NAME: lambda image: runner(images=image[np.newaxis])["restored"][0],
    }
    measured = {}
    for artifact, restore in answers.items():
        results = [restore(image) for image in images]
        measured[artifact] = _compare(artifact, results, expected, limits.levels) | _psnr_change(
            artifact, results, expected, check_targets, limits.psnr_change_db
        )
    return {
        "images": len(check_images),
        "sizes": sorted({(image.shape[0], image.shape[1]) for image in check_images}),
        "limit_levels": limits.levels,
        "saved_model": measured[SAVED_MODEL],
        "tflite": measured[tflite.FILE_NAME] | {"operators": operators},
        "restore_bytes": check_restore_bytes(
            signatures["restore_bytes"], reference, check_images, limits
        ),
        "bytes": size_bytes,
    }
