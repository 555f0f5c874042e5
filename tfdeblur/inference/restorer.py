"""Restore images of any size with an exported model."""

from pathlib import Path
from typing import Any

import numpy as np

from tfdeblur.images.files import Photo
from tfdeblur.images.resize import to_uint8, upscale
from tfdeblur.inference.runtimes import Runtime, load_runtime
from tfdeblur.inference.shipped import resolve_model
from tfdeblur.inference.tiling import restore_tiled

TILE = 192  # px; at 4x and 64 channels a window's activations take about 0.2 GB each


class UnfitSize(ValueError):
    """An image of a size that the model does not take; the message says rule and fact."""


class Restorer:
    """An exported model that takes images of any size, or of the one size that it was made for.

    Small images are mirrored up to the size that the network needs, large ones are restored in
    tiles; both are invisible in the result. No image is resized.

    Attributes:
      scale: how many times larger the restored image is.
      fixed_size: height and width of the only images that the model takes; None: any.
      metadata: the model's metadata.json; empty for a .tflite file that stands alone.
    """

    def __init__(self, runtime: Runtime, metadata: dict[str, Any], *, tile: int = TILE):
        """Wrap a loaded model; `tile` is the side of a tile in pixels of the input."""
        self._runtime = runtime
        self._tile = tile
        self.scale = runtime.scale
        self.fixed_size = runtime.fixed_size
        self.metadata = metadata

    @classmethod
    def load(
        cls, name_or_path: str | Path, runtime: str = "auto", *, tile: int = TILE
    ) -> "Restorer":
        """Load a model by name or path.

        Args:
          name_or_path: see `shipped.resolve_model`.
          runtime: "auto", "litert" or "saved_model"; see `runtimes.load_runtime`.
          tile: side of a tile in pixels of the input.

        Raises:
          shipped.ModelError: the model cannot be found, verified or loaded.
        """
        folder = resolve_model(name_or_path)
        return cls(load_runtime(folder, runtime), folder.metadata, tile=tile)

    def restore(self, image: np.ndarray) -> np.ndarray:
        """Restore `[H, W, 3] uint8` RGB, at least 1x1; returns `[sH, sW, 3] uint8`.

        Raises:
          ValueError: the image has another shape or dtype.
          UnfitSize: it has a size that the model does not take.
          shipped.ModelError: the model answers with another size than it should.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(
                f"`image` must be uint8 [H, W, 3] and not empty. Got: {image.dtype} {image.shape}."
            )
        height, width = image.shape[:2]
        if self.fixed_size not in (None, (height, width)):
            rows, columns = self.fixed_size
            raise UnfitSize(
                f"the image must be {columns}x{rows} px, the one size that this model takes. "
                f"Got: {width}x{height}."
            )
        padded = self._pad(image)
        halo = self.metadata.get("halo")
        if halo is None:
            restored = self._runtime.restore(padded[None])[0]
        else:
            multiple = self.metadata["size_multiple"]
            restored = restore_tiled(
                self._runtime.restore, padded, self.scale, self._tile, halo, multiple
            )
        return restored[: self.scale * height, : self.scale * width]

    def restore_photo(self, photo: Photo) -> Photo:
        """Restore the colours; transparency, if any, is enlarged bicubically."""
        alpha = photo.alpha
        if alpha is not None:
            alpha = to_uint8(upscale(alpha, self.scale) / 255.0)
        return Photo(self.restore(photo.rgb), alpha)

    def _pad(self, image: np.ndarray) -> np.ndarray:
        """Mirror at the bottom and the right up to a size that the network takes."""
        multiple = self.metadata.get("size_multiple", 1)
        least = self.metadata.get("minimum_size", 1)
        missing = [
            -(-max(length, least) // multiple) * multiple - length for length in image.shape[:2]
        ]
        if not any(missing):
            return image
        return np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
