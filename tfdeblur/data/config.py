"""Which pairs a model is trained on."""

from dataclasses import dataclass

from tfdeblur.degradations.recipes import TextRecipe

SOURCES = ("recipe", "prepared")


@dataclass
class DataConfig:
    """Where pairs come from.

    Attributes:
      source: `recipe` (made on the fly, endless and never the same pair twice) or `prepared`
        (written by `tfdeblur data build`).
      patch_size, patches_per_page, domain, noise_max, noise_stage: fields of `TextRecipe`; recipe
        only.
      noise_on_held_out: whether validation and test pairs are noisy too. The papers name no noise
        for their test sets. Recipe only.
      name: TFDS name and config such as `blurred_text/x4`; prepared only, as all below.
      data_dir: where it was prepared; empty: TFDS's default.
      crop_size: side of a random square crop of the target in pixels, a multiple of the scale; 0
        takes whole images, which must then be of one size.
      augment_flip: whether every other pair, at random, is mirrored, left to right.
      augment_rotate: whether pairs are turned by 0, 90, 180 or 270 degrees at random; needs crops,
        or images that are all square.
      shuffle_buffer: how many encoded pairs are shuffled at once, besides the files' order. About
        four times as many are in memory.
    """

    source: str = "recipe"
    patch_size: int = 64
    patches_per_page: int = 16
    domain: str = "print"
    noise_max: float = 7 / 255
    noise_stage: str = "hr"
    noise_on_held_out: bool = False
    name: str = "blurred_text/x4"
    data_dir: str = ""
    crop_size: int = 0
    augment_flip: bool = False
    augment_rotate: bool = False
    shuffle_buffer: int = 2048

    def validate(self) -> None:
        """Raise ValueError for the first field that is out of its range."""
        if self.source not in SOURCES:
            raise ValueError(f"`data.source` must be one of {SOURCES}. Got: {self.source!r}.")
        if self.source == "prepared" and not self.name:
            raise ValueError("`data.name` must name prepared data. Got: ''.")
        if self.crop_size < 0:
            raise ValueError(f"`data.crop_size` must be at least 0. Got: {self.crop_size}.")
        if self.source == "recipe" and self.crop_size:
            raise ValueError(
                "`data.crop_size` is for prepared data; a recipe's size is `data.patch_size`. "
                f"Got: {self.crop_size}."
            )
        for name in ("augment_flip", "augment_rotate"):
            if self.source == "recipe" and getattr(self, name):
                raise ValueError(f"`data.{name}` is for prepared data. Got: True.")
        if self.shuffle_buffer < 1:
            raise ValueError(
                f"`data.shuffle_buffer` must be at least 1. Got: {self.shuffle_buffer}."
            )
        self.recipe("train")

    def recipe(self, split: str) -> TextRecipe:
        """Build the recipe of one split. Raises ValueError for a field out of its range."""
        noisy = split == "train" or self.noise_on_held_out
        return TextRecipe(
            patch_size=self.patch_size,
            patches_per_page=self.patches_per_page,
            noise_max=self.noise_max if noisy else 0.0,
            noise_stage=self.noise_stage,
            domain=self.domain,
        )
