"""Run an exported model with LiteRT or TensorFlow through one interface: uint8 in, uint8 out.

TensorFlow is imported only when a SavedModel is loaded.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from absl import logging

from tfdeblur.extras import install_command
from tfdeblur.inference.shipped import ModelError, ModelFolder

KINDS = ("auto", "litert", "saved_model")
SIGNATURE = "serving_default"
_PROBE = 16  # px: side of the picture that probes the scale of a standalone .tflite file


class Runtime(Protocol):
    """A loaded model.

    Attributes:
      scale: enlargement factor of the restored image.
      fixed_size: height and width of the only images that it accepts; None: any.
    """

    scale: int
    fixed_size: tuple[int, int] | None

    def restore(self, images: np.ndarray) -> np.ndarray:
        """Restore `[B, H, W, 3] uint8`; returns `[B, sH, sW, 3] uint8`."""
        ...


def load_runtime(folder: ModelFolder, kind: str = "auto") -> Runtime:
    """Load a model.

    Args:
      folder: from `shipped.resolve_model`.
      kind: "litert", "saved_model", or "auto": LiteRT if both its file and the package are present,
        else TensorFlow. The choice is logged.

    Raises:
      ModelError: the model has no file for this runtime, the runtime is not installed, or the
        file cannot be loaded.
      ValueError: `kind` is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Got: {kind!r}.")
    has_litert = folder.tflite is not None and find_spec("ai_edge_litert") is not None
    if kind == "litert" or (kind == "auto" and has_litert):
        if folder.tflite is None:
            raise ModelError(f"{folder.path}: has no .tflite file for LiteRT.")
        _require("ai_edge_litert", "LiteRT", "")
        runtime: Runtime = LiteRTRuntime(folder.tflite, folder.metadata.get("scale"))
        logging.info("Running %s with LiteRT.", folder.tflite)
        return runtime
    if folder.saved_model is None:
        raise ModelError(f"{folder.path}: has no SavedModel, nor a .tflite file that can run here.")
    _require("tensorflow", "TensorFlow", "train")
    runtime = SavedModelRuntime(folder.saved_model, folder.metadata["scale"])
    logging.info("Running %s with TensorFlow.", folder.saved_model)
    return runtime


def _require(module: str, product: str, extra: str) -> None:
    if find_spec(module) is None:
        raise ModelError(f"{product} is not installed: {install_command(extra)}")


def _check_output(path: Path, images: np.ndarray, restored: Any, scale: int) -> np.ndarray:
    """Refuse output that is not `scale` times larger; a fixed-size file returns its own size."""
    batch, height, width, channels = images.shape
    expected = (batch, scale * height, scale * width, channels)
    if restored.shape != expected or restored.dtype != np.uint8:
        raise ModelError(
            f"{path}: for images {images.shape} the output must be {expected} uint8. "
            f"Got: {restored.shape} {restored.dtype}. A file that was converted for one fixed size "
            "answers with that size."
        )
    return restored


class LiteRTRuntime:
    """A TFLite file with the signature `serving_default`: images `[1, H, W, 3]` -> restored."""

    def __init__(self, path: Path, scale: int | None = None):
        """Load the file; without `scale`, find it by restoring a small picture."""
        from ai_edge_litert.interpreter import Interpreter

        self._path = path
        try:
            interpreter = Interpreter(model_path=str(path), num_threads=_cores())
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(f"{path}: LiteRT cannot load it: {error}") from error
        signatures = interpreter.get_signature_list()
        if signatures.get(SIGNATURE) != {"inputs": ["images"], "outputs": ["restored"]}:
            raise ModelError(
                f"{path}: must have a signature `{SIGNATURE}` from `images` to `restored`. "
                f"Got: {signatures}."
            )
        self._run = interpreter.get_signature_runner(SIGNATURE)
        self.fixed_size = _fixed(interpreter.get_input_details()[0]["shape_signature"].tolist())
        self.scale = self._find_scale() if scale is None else scale

    def _find_scale(self) -> int:
        height, width = self.fixed_size or (_PROBE, _PROBE)
        probe = np.zeros((1, height, width, 3), np.uint8)
        restored = self._call(probe)
        scale, rest = divmod(restored.shape[1], height)
        if rest or scale < 1:
            raise ModelError(
                f"{self._path}: must restore a {height}x{width} picture to a multiple of its "
                f"size. Got: {restored.shape}."
            )
        _check_output(self._path, probe, restored, scale)
        return scale

    def _call(self, image: np.ndarray) -> np.ndarray:
        try:
            return self._run(images=image)["restored"]
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self._path}: LiteRT failed on {image.shape}: {error}") from error

    def restore(self, images: np.ndarray) -> np.ndarray:
        """Restore `[B, H, W, 3] uint8` one by one; returns `[B, sH, sW, 3] uint8`."""
        restored = [
            _check_output(self._path, image[None], self._call(image[None]), self.scale)
            for image in images
        ]
        return np.concatenate(restored)


class SavedModelRuntime:
    """A SavedModel with the signature `serving_default`: images `[B, H, W, 3]` -> restored."""

    def __init__(self, path: Path, scale: int):
        """Import TensorFlow and load the model."""
        import tensorflow as tf

        self._path = path
        self._constant = tf.constant
        try:
            self._loaded = tf.saved_model.load(str(path))  # Keeps its functions alive.
            self._run = self._loaded.signatures[SIGNATURE]
        except (OSError, KeyError, tf.errors.OpError) as error:
            raise ModelError(f"{path}: TensorFlow cannot load it: {error}") from error
        self.scale = scale
        _, images = self._run.structured_input_signature
        self.fixed_size = _fixed(images["images"].shape.as_list())

    def restore(self, images: np.ndarray) -> np.ndarray:
        """Restore `[B, H, W, 3] uint8`; returns `[B, sH, sW, 3] uint8`."""
        restored = self._run(images=self._constant(images))["restored"].numpy()
        return _check_output(self._path, images, restored, self.scale)


def _fixed(shape: list[int | None]) -> tuple[int, int] | None:
    """Return height and width of `[B, H, W, 3]` where both are fixed; open sides are None or -1."""
    height, width = shape[1:3]
    if height is None or width is None or height < 1 or width < 1:
        return None
    return height, width


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
