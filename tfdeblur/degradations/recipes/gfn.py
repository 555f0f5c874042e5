"""Blurry frames from a moving camera, cut into low-resolution patches: the data of GFN."""

import math
from dataclasses import dataclass

import numpy as np

from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import patch_positions, resized, size_text
from tfdeblur.degradations.recipes.pair import Pair, UnfitImage
from tfdeblur.images.resize import downscale, round_levels

SCALE_LAWS = ("fixed", "random")


@dataclass(frozen=True)
class GfnRecipe(Recipe):
    """Patches of GOPRO's pairs of frames: the data of GFN (Zhang et al. 2018, §4.1).

    blurry and sharp frame -> MATLAB bicubic by each of three scales -> sides cropped to a multiple
    of 4 -> patches of 256 px every 128 px, without flat ones -> both MATLAB bicubic / 4.

    Paper: frames are resized "with three random scales"; here: those of its released code, 0.5, 0.7
    and 1, or, with `scale_law="random"`, three draws from U(0.5, 1) for each frame. That code does
    not round the reduced patches; here all images are 8 bit.

    Attributes:
      patch_size: side of the square target in pixels, a multiple of `scale`.
      stride: between patches in pixels.
      scales: of the frames, in (0, 1]; with `random`, only their number counts.
      scale: of the pair.
      gradient_min: patches whose sharp image is flatter are dropped; see `is_flat`.
      scale_law: `fixed` or `random`.
    """

    name = "gfn"
    version = "1.1.0"
    paired = True
    side_fields = ("patch_size",)
    patch_size: int = 256
    stride: int = 128
    scales: tuple[float, ...] = (1.0, 0.7, 0.5)
    scale: int = 4
    gradient_min: float = 0.005
    scale_law: str = "fixed"

    def __post_init__(self):
        object.__setattr__(self, "scales", tuple(self.scales))  # From JSON it is a list.
        if self.scale < 1:
            raise ValueError(f"`scale` must be at least 1. Got: {self.scale}.")
        if self.patch_size < self.scale or self.patch_size % self.scale:
            raise ValueError(
                f"`patch_size` must be a multiple of `scale` = {self.scale}. "
                f"Got: {self.patch_size}."
            )
        if self.stride < 1:
            raise ValueError(f"`stride` must be at least 1. Got: {self.stride}.")
        if not self.scales or not all(0 < scale <= 1 for scale in self.scales):
            raise ValueError(f"`scales` must lie in (0, 1]. Got: {self.scales}.")
        if not 0 <= self.gradient_min < np.inf:
            raise ValueError(
                f"`gradient_min` must be at least 0 and finite. Got: {self.gradient_min}."
            )
        if self.scale_law not in SCALE_LAWS:
            raise ValueError(f"`scale_law` must be one of {SCALE_LAWS}. Got: {self.scale_law!r}.")

    def frame_scales(self, rng: np.random.Generator) -> tuple[float, ...]:
        """Return the scales of one frame; draws nothing if they are fixed."""
        if self.scale_law == "fixed":
            return self.scales
        return tuple(float(scale) for scale in rng.uniform(0.5, 1.0, len(self.scales)))

    @property
    def extras(self) -> dict[str, tuple[int, int]]:
        """`lr_sharp`, the reduced sharp image."""
        return {"lr_sharp": (1, 3)}

    def frame_size(self, height: int, width: int, frame_scale: float) -> tuple[int, int]:
        """Return (height, width) of a frame after `frames`."""
        rows, columns = (_resized_side(side, frame_scale) for side in (height, width))
        return rows // self.scale * self.scale, columns // self.scale * self.scale

    def frames(
        self, blurry: np.ndarray, sharp: np.ndarray, frame_scale: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Resize a pair of frames and crop their sides to multiples of `scale`.

        Args:
          blurry: `[H, W, 3]` uint8.
          sharp: `[H, W, 3]` uint8.
          frame_scale: in (0, 1].

        Returns:
          Both, uint8, in `frame_size`.

        Raises:
          ValueError: `frame_scale` is out of range.
          UnfitImage: the frames differ in size.
        """
        if not 0 < frame_scale <= 1:
            raise ValueError(f"`frame_scale` must lie in (0, 1]. Got: {frame_scale}.")
        _check_sizes(blurry, sharp)
        rows, columns = (_resized_side(side, frame_scale) for side in blurry.shape[:2])
        height, width = self.frame_size(blurry.shape[0], blurry.shape[1], frame_scale)
        first, second = (resized(image, rows, columns) for image in (blurry, sharp))
        return first[:height, :width], second[:height, :width]

    def positions(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return (top, left) of every patch of a resized frame, row by row."""
        return patch_positions(height, width, self.patch_size, self.stride)

    def is_flat(self, sharp: np.ndarray) -> bool:
        """Return whether a sharp patch has too little detail to learn from.

        As in the released code, the gradient at a pixel is, for each channel in [0, 1], half the
        difference between its two neighbours, or at the border the difference to its only one. The
        patch is flat if the gradients' mean length is below `gradient_min`.

        Args:
          sharp: `[h, w, 3]` uint8.
        """
        down, right = np.gradient(sharp.astype(np.float32), axis=(0, 1))
        return float(np.hypot(down, right).mean(dtype=np.float64)) < 255 * self.gradient_min

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Reduce a pair of patches or whole frames; draws nothing.

        Args:
          sharp: `[h, w, 3]` uint8, h and w multiples of `scale`; the target.
          rng: not used.
          given: `blurry` is the other frame.

        Returns:
          A pair with the extra `lr_sharp`, the reduced sharp image.

        Raises:
          UnfitImage: the images differ in size or their sides are not multiples.
          ValueError: no blurry frame is given.
        """
        if given.blurry is None:
            raise ValueError("`blurry` must be given to `gfn`. Got: None.")
        blurry = given.blurry
        _check_sizes(blurry, sharp)
        if blurry.shape[0] % self.scale or blurry.shape[1] % self.scale:
            raise UnfitImage(
                f"must have sides that are multiples of {self.scale}. Got: {size_text(blurry)}."
            )
        lr, lr_sharp = (round_levels(downscale(image, self.scale)) for image in (blurry, sharp))
        return Pair(lr, sharp, {}, {"lr_sharp": lr_sharp})


def _resized_side(side: int, frame_scale: float) -> int:
    """Round up as MATLAB's imresize does; 0.7 * 720 gives 504 despite its last bit."""
    return math.ceil(round(frame_scale * side, 6))


def _check_sizes(blurry: np.ndarray, sharp: np.ndarray) -> None:
    if blurry.shape != sharp.shape:
        raise UnfitImage(
            f"must be as large as the sharp frame, {size_text(sharp)} px. Got: {size_text(blurry)}."
        )
