"""The base class of recipes: one way to call them, and to ask what they need."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tfdeblur.degradations.recipes.pair import Pair, pair_names


@dataclass(frozen=True)
class Given:
    """What a recipe may be given beside the sharp image. `Recipe` says what a recipe needs.

    Attributes:
      psfs: kernels `[S, S]` float32, of which one is drawn.
      mask: `[h, w]`, where the face is: uint8 up to 255, or float or bool up to 1.
      blurry: the sharp image's blurry partner, of its shape and dtype.
      window: top, left and side in pixels of the square to make a pair of; None: the whole image.
      held_out: whether the pair is for validation or test.
    """

    psfs: Sequence[np.ndarray] = ()
    mask: np.ndarray | None = None
    blurry: np.ndarray | None = None
    window: tuple[int, int, int] | None = None
    held_out: bool = False

    def draw_kernel(self, rng: np.random.Generator) -> int:
        """Draw the number of one of `psfs`; a single one takes nothing from the generator.

        Raises:
          ValueError: there is none.
        """
        if not self.psfs:
            raise ValueError("`psfs` must hold at least one kernel. Got: none.")
        return int(rng.integers(len(self.psfs)))


NOTHING = Given()


class Recipe(abc.ABC):
    """Base of all recipes: how to call them, what they need, and facts about their pairs.

    Fields hold all else that affects the pairs.

    Attributes:
      name: of the data, and of the recipe in a data set's metadata.
      version: incremented with every change that alters a pair; guarded by golden hashes.
      scale: the target's size relative to the degraded image's.
      channels: of both images.
      family: the family of `kernel_bank` that `Given.psfs` comes from; empty: none is needed.
      masked: whether `Given.mask` is needed.
      paired: whether `Given.blurry` is needed.
      on_reading: whether a data set holds sharp images, and each is degraded anew when it is read.
      side_fields: the fields that set the side of a square target.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    scale: int
    channels: ClassVar[int] = 3
    family: ClassVar[str] = ""
    masked: ClassVar[bool] = False
    paired: ClassVar[bool] = False
    on_reading: ClassVar[bool] = False
    side_fields: ClassVar[tuple[str, ...]] = ("side",)

    @property
    def names(self) -> tuple[str, str]:
        """Feature names of the degraded image and of the target."""
        return pair_names(self.scale)

    @property
    def extras(self) -> Mapping[str, tuple[int, int]]:
        """A pair's further images by feature name: (side per side of `degraded`, channels)."""
        return {}

    @property
    def default_side(self) -> int:
        """Side in pixels of the target that `draw` makes without a window; 0: the image's."""
        return 0

    def pair_shapes(self, height: int, width: int) -> dict[str, tuple[int, int, int]]:
        """Return the shapes of a pair's images, `degraded`, `target` and the extras.

        Args:
          height: of the target in pixels.
          width: of the target in pixels.
        """
        rows, columns = height // self.scale, width // self.scale
        extras = {
            name: (factor * rows, factor * columns, channels)
            for name, (factor, channels) in self.extras.items()
        }
        degraded, target = (rows, columns, self.channels), (height, width, self.channels)
        return {"degraded": degraded, "target": target, **extras}

    def fit(self, photo: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Make the sharp image of a photograph, once for all its pairs. By default, unchanged.

        Args:
          photo: `[H, W, 3]` uint8.
          rng: of recipes that cut out a part: source of its place; None: the middle.

        Returns:
          `[h, w, channels]` or `[h, w, 3]` uint8; do not write to it.

        Raises:
          UnfitImage: the photograph is too small.
        """
        del rng
        return photo

    @abc.abstractmethod
    def degrade(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Degrade an image. See the class for the steps.

        Args:
          sharp: `[H, W, C]` uint8, a photograph or the result of `fit`.
          rng: source of every draw.
          given: what the recipe needs beside it.

        Raises:
          UnfitImage: the image or what is given cannot be used.
          ValueError: what the recipe needs is missing.
        """

    def draw(self, sharp: np.ndarray, rng: np.random.Generator, given: Given = NOTHING) -> Pair:
        """Make a training pair of an image that is degraded on reading. By default, `degrade`.

        Args and errors: as `degrade`; `sharp` is the result of `fit`.
        """
        return self.degrade(sharp, rng, given)
