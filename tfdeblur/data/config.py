"""Configuration of the pairs that a model is trained on."""

from dataclasses import dataclass, replace

from tfdeblur.degradations.recipes import GENERATED, GeneratedRecipe, TextRecipe
from tfdeblur.rules import at_least, check_fields, one_of


@dataclass
class DataConfig:
    """The source of training and validation pairs.

    Attributes:
      source: `recipe` (made on the fly, endless, no pair twice) or `prepared` (written by
        `tfdeblur data build`).
      recipe: degradation of rendered pages; this and the fields before `name` are for `recipe`
        only. All but `scgan_text` are designed for photographs and serve to try out a model.
      patch_size, patches_per_page, domain: fields of `TextRecipe` and `GeneratedRecipe`. Separate
        the domains of several classes of pairs by commas.
      noise_max, noise_stage: fields of `TextRecipe`.
      noise_on_held_out: whether validation and test pairs are noisy too. The papers mention no
        noise in their test sets.
      name: TFDS name and config such as `blurred_text/x4`; this and the fields below are for
        `prepared` only. Separate the names of several classes of pairs, of equal sizes, by commas.
      data_dir: where it was prepared; empty: TFDS's default.
      train_split: TFDS split to train on; may be a slice such as `train[:-200]`.
      validation_split: TFDS split or slice to validate on; must not share pairs with `train_split`.
      crop_size: side of a random square crop of the target in pixels, a multiple of the scale; 0:
        whole images, which must then all have one size.
      augment_flip: whether to mirror pairs left to right with probability 1/2.
      augment_rotate: whether to turn pairs by 0, 90, 180 or 270 degrees at random; needs crops or
        square images.
      shuffle_buffer: number of encoded pairs shuffled at once, in addition to shuffling the files.
        Memory holds about four times as many.
      threads: number that make or decode pairs; 0: TensorFlow decides. It does not change any pair.
    """

    source: str = one_of(("recipe", "prepared"), default="recipe")
    recipe: str = one_of((TextRecipe.name, *GENERATED), default="scgan_text")
    patch_size: int = 64
    patches_per_page: int = 16
    domain: str = "print"
    noise_max: float = 7 / 255
    noise_stage: str = "hr"
    noise_on_held_out: bool = False
    name: str = "blurred_text/x4"
    data_dir: str = ""
    train_split: str = "train"
    validation_split: str = "validation"
    crop_size: int = at_least(0, default=0)
    augment_flip: bool = False
    augment_rotate: bool = False
    shuffle_buffer: int = at_least(1, default=2048)
    threads: int = at_least(0, default=0)

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule, or fields that do not fit together."""
        check_fields(self, "data.")
        if self.source == "prepared" and not self.name:
            raise ValueError("`data.name` must name prepared data. Got: ''.")
        for name, split in (("train_split", "train"), ("validation_split", "validation")):
            value = getattr(self, name)
            if not value or (self.source == "recipe" and value != split):
                raise ValueError(
                    f"`data.{name}` must be a split of prepared data, of a recipe {split!r}. "
                    f"Got: {value!r}."
                )
        if self.train_split == self.validation_split:
            raise ValueError(
                "`data.validation_split` must not be that which is trained on. "
                f"Got: {self.validation_split!r}."
            )
        if self.source == "recipe" and self.crop_size:
            raise ValueError(
                "`data.crop_size` is for prepared data; a recipe's size is `data.patch_size`. "
                f"Got: {self.crop_size}."
            )
        for name in ("augment_flip", "augment_rotate"):
            if self.source == "recipe" and getattr(self, name):
                raise ValueError(f"`data.{name}` is for prepared data. Got: True.")
        for part in self.classes():
            part.build_recipe("train")

    def classes(self) -> "list[DataConfig]":
        """Return the config of each class of pairs; for a single class, this object alone."""
        field = "domain" if self.source == "recipe" else "name"
        values = [value.strip() for value in getattr(self, field).split(",")]
        if not all(values) or len(set(values)) < len(values):
            raise ValueError(
                f"`data.{field}` must be one name or several others, divided by commas. "
                f"Got: {getattr(self, field)!r}."
            )
        return [replace(self, **{field: value}) for value in values] if values[1:] else [self]

    def build_recipe(self, split: str) -> TextRecipe | GeneratedRecipe:
        """Build the recipe of one split. Raises ValueError for a field out of its range."""
        if self.recipe != TextRecipe.name:
            return GeneratedRecipe(
                recipe=self.recipe,
                patch_size=self.patch_size,
                patches_per_page=self.patches_per_page,
                domain=self.domain,
            )
        noisy = split == "train" or self.noise_on_held_out
        return TextRecipe(
            patch_size=self.patch_size,
            patches_per_page=self.patches_per_page,
            noise_max=self.noise_max if noisy else 0.0,
            noise_stage=self.noise_stage,
            domain=self.domain,
        )
