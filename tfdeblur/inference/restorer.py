"""Restore images of any size with an exported model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfdeblur.images.decoding import Photo
from tfdeblur.images.files import read_image, to_rgb
from tfdeblur.images.resize import to_uint8, upscale
from tfdeblur.images.transparency import extend_colours
from tfdeblur.inference.runtimes import Runtime, load_runtime
from tfdeblur.inference.shipped import resolve_model
from tfdeblur.inference.tiling import restore_tiled

TILE = 192  # px; at 4x and 64 channels a window's activations take about 0.2 GB each


ImageLike = str | Path | Image.Image | np.ndarray


class UnfitSize(ValueError):
    """The model does not accept an image's size; the message states the rule and the fact."""


class Restorer:
    """An exported model that accepts images of any size, or of its one fixed size.

    Small images are mirrored up to the size that the network needs and large ones are restored in
    tiles; neither is visible in the result. Images are never resized.

    Attributes:
      scale: enlargement factor of the restored image.
      fixed_size: height and width of the only images that the model accepts; None: any.
      metadata: the model's metadata.json; empty for a standalone .tflite file.
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

    def restore(self, image: ImageLike) -> np.ndarray:
        """Restore an image of at least 1x1 pixel.

        Args:
          image: the path of a picture, a PIL image, or an array: `[H, W, 3] uint8` RGB or
            `[H, W] uint8` grey. Transparent parts of files and PIL images are laid on white.

        Returns:
          `[sH, sW, 3] uint8` RGB.

        Raises:
          TypeError: it is none of these.
          ValueError: the array has another shape or dtype.
          ImageError: the file cannot be read.
          UnfitSize: the model does not accept the image's size.
          shipped.ModelError: the model returns the wrong size.
        """
        image = _to_array(image)
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
        """Restore the colours, or grey; enlarge transparency, if any, bicubically.

        Colours that transparent pixels hide are replaced, so that they do not bleed into the
        picture. Pixels per inch grow with the picture, which keeps its size on paper.
        """
        rgb, alpha, tags = photo.rgb, photo.alpha, photo.tags
        if alpha is not None:
            rgb = extend_colours(rgb, alpha)
            alpha = to_uint8(upscale(alpha, self.scale) / 255.0)
        restored = self.restore(rgb)
        if photo.grey:
            restored = np.repeat(
                np.asarray(Image.fromarray(restored).convert("L"))[..., None], 3, 2
            )
        if tags.dpi:
            tags = replace(tags, dpi=(tags.dpi[0] * self.scale, tags.dpi[1] * self.scale))
        return Photo(restored, alpha, photo.grey, tags)

    def _pad(self, image: np.ndarray) -> np.ndarray:
        """Mirror at the bottom and right up to a size that the network accepts."""
        multiple = self.metadata.get("size_multiple", 1)
        least = self.metadata.get("minimum_size", 1)
        missing = [
            -(-max(length, least) // multiple) * multiple - length for length in image.shape[:2]
        ]
        if not any(missing):
            return image
        return np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")


def restore(image: ImageLike, model: str | Path = "scgan_text") -> np.ndarray:
    """Restore one image; load a `Restorer` once for several.

    Args:
      image: see `Restorer.restore`.
      model: see `shipped.resolve_model`.

    Returns:
      `[sH, sW, 3] uint8` RGB.

    Raises:
      As `Restorer.load` and `Restorer.restore`.
    """
    return Restorer.load(model).restore(image)


def _to_array(image: ImageLike) -> np.ndarray:
    """Return `[H, W, 3] uint8`."""
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        return to_rgb(image)
    if not isinstance(image, np.ndarray):
        raise TypeError(
            "`image` must be a path, a PIL image or a numpy array. "
            f"Got: {type(image).__module__}.{type(image).__qualname__}."
        )
    grey = image.ndim == 2
    if image.dtype != np.uint8 or not (grey or image.shape[2:] == (3,)) or not image.size:
        raise ValueError(
            "`image` must be uint8 [H, W, 3] or [H, W] and not empty. "
            f"Got: {image.dtype} {image.shape}."
        )
    return np.repeat(image[..., None], 3, axis=2) if grey else image
