"""Degradation recipes, one per data set of the papers: sharp image, random numbers -> pair.

All draws come from the numpy Generator that is passed in (see `example_rng`), so any pair can be
reproduced alone, on any machine, in any order. Images are uint8 and are rounded to 8 bits after the
noise and after every resizing, which is MATLAB's bicubic.

| recipe | data | file |
|---|---|---|
| `TextRecipe` | SCGAN's text | text.py |
| `ScganFaceRecipe` | SCGAN's faces | scgan_face.py |
| `FreshFaceRecipe` | ours, for SCGAN: its faces, redrawn on each read | fresh_face.py |
| `EnhanceUnetRecipe` | Qi et al.'s faces | enhance_unet.py |
| `WrfnRecipe` | WRFN's grey faces | wrfn.py |
| `WideRecipe` | ours, for WRFN: squares of any photograph | wide.py |
| `TwoBranchRecipe` | Yun et al.'s faces in motion | two_branch.py |
| `GfnRecipe` | GFN's patches of GOPRO | gfn.py |
"""

from tfdeblur.degradations.recipes.base import Given, Recipe
from tfdeblur.degradations.recipes.enhance_unet import EnhanceUnetRecipe
from tfdeblur.degradations.recipes.fresh_face import FreshFaceRecipe
from tfdeblur.degradations.recipes.generated import GENERATED, GeneratedRecipe
from tfdeblur.degradations.recipes.geometry import patch_positions
from tfdeblur.degradations.recipes.gfn import GfnRecipe
from tfdeblur.degradations.recipes.pair import Pair, UnfitImage, example_rng, pair_names
from tfdeblur.degradations.recipes.scgan_face import ScganFaceRecipe
from tfdeblur.degradations.recipes.text import PAGES_ALIVE, TextRecipe
from tfdeblur.degradations.recipes.two_branch import TwoBranchRecipe
from tfdeblur.degradations.recipes.wide import WideRecipe
from tfdeblur.degradations.recipes.wrfn import WrfnRecipe

ON_READING: tuple[type[Recipe], ...] = (WrfnRecipe, WideRecipe, FreshFaceRecipe)

__all__ = [
    "GENERATED",
    "ON_READING",
    "PAGES_ALIVE",
    "EnhanceUnetRecipe",
    "FreshFaceRecipe",
    "GeneratedRecipe",
    "GfnRecipe",
    "Given",
    "Pair",
    "Recipe",
    "ScganFaceRecipe",
    "TextRecipe",
    "TwoBranchRecipe",
    "UnfitImage",
    "WideRecipe",
    "WrfnRecipe",
    "example_rng",
    "pair_names",
    "patch_positions",
]
