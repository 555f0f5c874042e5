"""Moving faces before a sharp background: the data of Yun et al. (IEEE Access 2020)."""

from dataclasses import asdict, dataclass

import numpy as np

from tfdeblur.degradations.motion_flow import (
    MOTION_LEVELS,
    blur_masked,
    draw_motion,
    motion_flow,
    quantise_flow,
    warp_blur,
)
from tfdeblur.degradations.recipes.base import NOTHING, Given, Recipe
from tfdeblur.degradations.recipes.geometry import (
    central_square,
    check_photo,
    resized,
    size_text,
)
from tfdeblur.degradations.recipes.pair import Pair, UnfitImage
from tfdeblur.images.resize import downscale, resize_bicubic, round_levels, to_uint8

COMPOSITES = ("soft", "hard")


@dataclass(frozen=True)
class TwoBranchRecipe(Recipe):
    """Low-resolution moving faces: the data of Yun et al. (IEEE Access 2020, §IV).

    photo and mask, central square -> MATLAB bicubic to `side`, mask thresholded at 0.5 -> face
    blurred by camera motion of Gong et al., flow in whole pixels -> 8 bit -> MATLAB bicubic / 8 ->
    8 bit.

    Paper: does not state the motion level, the compositing and the reduction; here: `mild`, a
    moving face over its sharp background, and bicubic. Gong et al. crop the border, where the blur
    sees replicated pixels; here it stays, because the size is fixed.

    Attributes:
      side: of the square target in pixels, a multiple of `scale`.
      level: of `motion_flow.MOTION_LEVELS`.
      composite: `soft` or `hard`, see `motion_flow.blur_masked`.
    """

    name = "two_branch"
    version = "1.0.0"
    masked = True
    side: int = 256
    scale: int = 8
    level: str = "mild"
    composite: str = "soft"

    def __post_init__(self):
        if self.scale < 1:
            raise ValueError(f"`scale` must be at least 1. Got: {self.scale}.")
        if self.side < self.scale or self.side % self.scale:
            raise ValueError(
                f"`side` must be a multiple of `scale` = {self.scale}. Got: {self.side}."
            )
        if self.level not in MOTION_LEVELS:
            raise ValueError(
                f"`level` must be one of {', '.join(MOTION_LEVELS)}. Got: {self.level!r}."
            )
        if self.composite not in COMPOSITES:
            raise ValueError(f"`composite` must be 'soft' or 'hard'. Got: {self.composite!r}.")

    @property
    def extras(self) -> dict[str, tuple[int, int]]:
        """`hr_blurry`, from which `lr` is made, and `face_mask`."""
        return {"hr_blurry": (self.scale, 3), "face_mask": (self.scale, 1)}

    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Degrade a photograph. See the class for the recipe.

        Args:
          sharp: `[H, W, 3]` uint8.
          rng: source of the motion.
          given: `mask` may differ in size from the photograph, but must cover the same area.

        Returns:
          A pair with the extras `hr_blurry`, `[side, side, 3]`, and `face_mask`, `[side, side, 1]`
          of 0 and 255.

        Raises:
          UnfitImage: a side of the photograph is shorter than `side`, the mask has another aspect
            ratio, or it shows no face.
          ValueError: no mask is given.
        """
        if given.mask is None:
            raise ValueError("`mask` must be given to `two_branch`. Got: None.")
        photo, mask = sharp, given.mask
        check_photo(photo, self.side)
        rows, columns = photo.shape[:2]
        if abs(mask.shape[0] * columns - mask.shape[1] * rows) > max(rows, columns):
            raise UnfitImage(
                f"must have the proportions of its mask, {size_text(mask)} px. "
                f"Got: {size_text(photo)}."
            )
        hr, face = resized(central_square(photo), self.side, self.side), self._face(mask)
        motion = draw_motion(rng, self.level)
        flow = quantise_flow(motion_flow(motion, (self.side, self.side)))
        hr_blurry = self._blurred(hr, face, flow)
        lr = round_levels(downscale(hr_blurry, self.scale))
        extras = {"hr_blurry": hr_blurry, "face_mask": face[..., None] * np.uint8(255)}
        return Pair(lr, hr, asdict(motion), extras)

    def _blurred(self, hr: np.ndarray, face: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """Blur the face, processing only the area that a blurred face can reach."""
        reach = int(np.hypot(flow[..., 0], flow[..., 1]).max() / 2) + 2
        around = tuple(
            slice(max(0, int(used[0]) - reach), int(used[-1]) + 1 + reach)
            for used in (np.flatnonzero(face.any(axis=axis)) for axis in (1, 0))
        )
        blurred = blur_masked(
            hr[around].astype(np.float32) / 255,
            face[around],
            # Warping 8-bit images is twice as fast.
            lambda image: warp_blur(to_uint8(image), flow[around]) / 255,
            hard=self.composite == "hard",
        )
        hr_blurry = hr.copy()
        hr_blurry[around] = to_uint8(blurred)
        return hr_blurry

    def _face(self, mask: np.ndarray) -> np.ndarray:
        """Return the mask of the face in the target: `[side, side]` bool."""
        half = 127.5 if mask.dtype == np.uint8 else 0.5
        face = resize_bicubic(central_square(mask), (self.side, self.side)) >= half
        if not face.any():
            raise UnfitImage("must have a mask that shows a face. Got: an empty one.")
        return face
