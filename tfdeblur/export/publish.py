"""Export a trained generator atomically as the next version folder of a model.

Everything is written and checked in a hidden folder beside the versions; a single rename publishes
it. A server that watches the model's folder never sees a partial version, and concurrent exports
get different numbers.
"""

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from absl import logging

import tfdeblur
from tfdeblur.export import gate, saved_model, tflite
from tfdeblur.models.config import ModelConfig
from tfdeblur.stack import keras

FORMAT_VERSION = 1
METADATA = "metadata.json"
MODEL_CARD = "model_card.md"
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def next_version(output: Path) -> int:
    """Return one more than the highest version in `output`; other names are ignored."""
    names = (entry.name for entry in output.iterdir())
    return max((int(name) for name in names if re.fullmatch("[0-9]+", name)), default=0) + 1


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _write_training_files(folder: Path, training_files: Mapping[str, bytes]) -> None:
    for name, content in training_files.items():
        relative = PurePosixPath(name)
        if not relative.parts or relative.is_absolute() or ".." in relative.parts:
            raise ValueError(f"`training_files` must have relative names. Got: {name!r}.")
        path = folder / "training" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _signatures(model_config: ModelConfig) -> dict[str, Any]:
    """Describe inputs and outputs for readers without TensorFlow; -1 is any size."""
    scale, side = model_config.scale, model_config.fixed_input_size
    large = -1 if side is None else scale * side
    small = -1 if side is None else side
    image = {"dtype": "uint8", "shape": [-1, small, small, 3]}
    restored = {"dtype": "uint8", "shape": [-1, large, large, 3]}
    file = {"dtype": "string", "shape": [-1]}
    return {
        "serving_default": {"inputs": {"images": image}, "outputs": {"restored": restored}},
        "restore_bytes": {
            "inputs": {"image_bytes": file},
            "outputs": {"restored_bytes": file},
            "max_image_pixels": saved_model.max_image_pixels(scale),
        },
    }


def _metadata(
    name: str, model_config: ModelConfig, parity: dict[str, Any], folder: Path
) -> dict[str, Any]:
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _files(folder)
        if path.name not in (METADATA, MODEL_CARD)
    }
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "task": "deblurring" if model_config.scale == 1 else "super_resolution_and_deblurring",
        "scale": model_config.scale,
        "channels": 3,
        "value_range": [0, 255],
        "dtype": "uint8",
        "halo": model_config.halo,
        "size_multiple": model_config.size_multiple,
        "minimum_size": model_config.minimum_size,
        "fixed_input_size": model_config.fixed_input_size,
        "signatures": _signatures(model_config),
        "parity": parity,
        "package_version": tfdeblur.__version__,
        "files": digests,
    }


def _flush(folder: Path) -> None:
    """Flush every file and folder to disk, so that a published version survives a power cut."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _publish(staged: Path, output: Path, metadata: dict[str, Any]) -> Path:
    """Rename `staged` to the next free version of `output`, and put its number in the metadata."""
    while True:
        version = next_version(output)
        content = json.dumps({**metadata, "version": version}, indent=2) + "\n"
        (staged / METADATA).write_text(content, encoding="utf-8")
        _flush(staged)
        try:
            staged.rename(output / str(version))
        except OSError as error:
            if error.errno not in _TAKEN:  # Otherwise another export took the number.
                raise
        else:
            return output / str(version)


def export_model(
    generator: keras.Model,
    model_config: ModelConfig,
    output: Path | str,
    *,
    check_images: Sequence[np.ndarray],
    training_files: Mapping[str, bytes],
    card: str,
    name: str | None = None,
    check_targets: Sequence[np.ndarray] | None = None,
    limits: gate.GateLimits | None = None,
) -> Path:
    """Export, check and publish `output`/<next version>/.

    Args:
      generator: trained in any precision; exported as a graph that computes in float32.
      model_config: the config that built it.
      output: the model's folder; created if missing.
      check_images: real images for the gate, uint8 `[H, W, 3]`, at least ten in five sizes, or all
        of the model's one size.
      training_files: name -> content of the files in training/, e.g. "config.json".
      card: markdown for model_card.md.
      name: the model's name; the name of `output` by default.
      check_targets: the sharp images of `check_images`, if available.
      limits: rules for the gate to use instead of its defaults.

    Returns:
      The new version folder.

    Raises:
      gate.GateError: an artifact differs from the generator or breaks another rule. The export is
        then removed completely.
      ValueError: an argument is malformed.
    """
    output = Path(output)
    created = not output.exists()
    output.mkdir(parents=True, exist_ok=True)
    try:
        trained = saved_model.rebuild_in_float32(generator, model_config)
        with tempfile.TemporaryDirectory(dir=output, prefix=".staging-") as staging:
            staged = Path(staging) / "version"
            _write_training_files(staged, training_files)
            saved_model.export_saved_model(trained, model_config, staged)
            tflite.export_tflite(trained, model_config, staged / tflite.FILE_NAME)
            (staged / MODEL_CARD).write_text(card, encoding="utf-8")
            parity = gate.run_gate(
                staged,
                trained,
                model_config,
                check_images,
                check_targets=check_targets,
                limits=limits,
            )
            metadata = _metadata(name or output.resolve().name, model_config, parity, staged)
            published = _publish(staged, output, metadata)
    except BaseException:
        if created and not any(output.iterdir()):
            output.rmdir()
        raise
    logging.info("Published %s: %s", published, parity)
    return published
