"""The contests of `benchmark data`: each of our recipes and its plain peer on the same images.

Both get the same source images and bank of kernels, and a generator each that restarts with every
turn. Each call makes one pair.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfdeblur.benchmarks import plain_kernels, plain_recipes
from tfdeblur.benchmarks.images import cycle, face_mask, photographs, shake
from tfdeblur.degradations.kernel_bank import draw_bank
from tfdeblur.degradations.kernels import (
    SPLINE_EXTENTS,
    TRAJECTORY_SIZES,
    spline_psf,
    trajectory_psf,
)
from tfdeblur.degradations.pages import render_page
from tfdeblur.degradations.recipes import (
    EnhanceUnetRecipe,
    GfnRecipe,
    Given,
    Pair,
    ScganFaceRecipe,
    TextRecipe,
    TwoBranchRecipe,
    WrfnRecipe,
)
from tfdeblur.images.resize import to_uint8

FACE = (218, 178)  # Pixels, (height, width): an aligned face of CelebA.
FRAME = (720, 1280)  # GOPRO.
PAGE_SIDE = 412  # Of the pages that `TextRecipe` cuts its patches from.
_IMAGES = 8
_KERNELS = 96


Make = Callable[[int, np.random.Generator], Any]  # A call's number and its generator -> the pair.
Photos = Callable[..., list[np.ndarray]]  # (height, width), count -> photographs.


@dataclass(frozen=True)
class Contest:
    """One recipe, our version and the peer's.

    Attributes:
      name: of the recipe or family of kernels.
      ours: takes the call's number in its turn, returns what it made.
      peer: takes the call's number in its turn, returns what it made.
    """

    name: str
    ours: Callable[[int], Any]
    peer: Callable[[int], Any]


def make_contest(name: str, seed: int, folder: str = "") -> Contest:
    """Prepare a recipe's contest.

    Args:
      name: one of `NAMES`.
      seed: of images and draws, at least 0.
      folder: of photographs; empty: draw some. Pages of text are always rendered.

    Raises:
      ValueError: the folder holds no image or an unreadable one.
    """

    def photos(size: tuple[int, int], count: int = _IMAGES) -> list[np.ndarray]:
        return photographs(folder, size, count, np.random.default_rng([seed, 0]))

    ours, peer = _MAKERS[name](photos)
    return Contest(name, _restarting(ours, seed), _restarting(peer, seed))


def _restarting(make: Make, seed: int) -> Callable[[int], Any]:
    """Give a function a generator that restarts with call 0."""
    rng = np.random.default_rng([seed, 1])

    def call(number: int) -> Any:
        nonlocal rng
        if number == 0:
            rng = np.random.default_rng([seed, 1])
        return make(number, rng)

    return call


def _scgan_text(photos: Photos) -> tuple[Make, Make]:
    rngs = [np.random.default_rng(number) for number in range(_IMAGES)]
    pages = [to_uint8(render_page(rng, "train", (PAGE_SIDE,) * 2).image) for rng in rngs]
    recipe = TextRecipe()
    return (
        lambda number, rng: recipe.degrade(cycle(pages, number), rng),
        lambda number, rng: plain_recipes.scgan_text(cycle(pages, number), rng),
    )


def _scgan_face(photos: Photos) -> tuple[Make, Make]:
    faces, recipe = photos(FACE), ScganFaceRecipe()
    return (
        lambda number, rng: recipe.degrade(cycle(faces, number), rng),
        lambda number, rng: plain_recipes.scgan_face(cycle(faces, number), rng),
    )


def _enhance_unet(photos: Photos) -> tuple[Make, Make]:
    faces, recipe = photos(FACE), EnhanceUnetRecipe()
    psfs = [kernel.psf for kernel in draw_bank("trajectory", _KERNELS)]
    return (
        lambda number, rng: recipe.degrade(cycle(faces, number), rng, Given([cycle(psfs, number)])),
        lambda number, rng: plain_recipes.enhance_unet(
            cycle(faces, number), rng, cycle(psfs, number)
        ),
    )


def _gfn(photos: Photos) -> tuple[Make, Make]:
    """Use patches of frames that are already resized."""
    sharp, recipe, patches = photos(FRAME, 1)[0], GfnRecipe(), []
    for scale in recipe.scales:
        frames = recipe.frames(shake(sharp, 8), sharp, scale)
        side = recipe.patch_size
        for top, left in recipe.positions(*frames[0].shape[:2]):
            patches.append([frame[top : top + side, left : left + side] for frame in frames])

    def ours(number: int, rng: np.random.Generator) -> Pair:
        blurry, sharp = cycle(patches, number)
        return recipe.degrade(sharp, rng, Given(blurry=blurry))

    return ours, lambda number, rng: plain_recipes.gfn(*cycle(patches, number))


def _wrfn(photos: Photos) -> tuple[Make, Make]:
    recipe = WrfnRecipe()
    greys = [recipe.fit(photo) for photo in photos((recipe.side,) * 2)]
    bank = [kernel.psf for kernel in draw_bank("spline", _KERNELS)]
    return (
        lambda number, rng: recipe.degrade(cycle(greys, number), rng, Given(bank)),
        lambda number, rng: plain_recipes.wrfn(cycle(greys, number), rng, bank),
    )


def _two_branch(photos: Photos) -> tuple[Make, Make]:
    recipe = TwoBranchRecipe()
    faces, mask = photos((recipe.side,) * 2), face_mask(recipe.side)
    return (
        lambda number, rng: recipe.degrade(cycle(faces, number), rng, Given(mask=mask)),
        lambda number, rng: plain_recipes.two_branch(cycle(faces, number), mask, rng),
    )


def _trajectory(photos: Photos) -> tuple[Make, Make]:
    return (
        lambda number, rng: trajectory_psf(rng, cycle(TRAJECTORY_SIZES, number)),
        lambda number, rng: plain_kernels.trajectory_kernel(rng, cycle(TRAJECTORY_SIZES, number)),
    )


def _spline(photos: Photos) -> tuple[Make, Make]:
    return (
        lambda number, rng: spline_psf(rng, cycle(SPLINE_EXTENTS, number)),
        lambda number, rng: plain_kernels.spline_kernel(rng, cycle(SPLINE_EXTENTS, number)),
    )


_MAKERS: dict[str, Callable[[Photos], tuple[Make, Make]]] = {
    "scgan_text": _scgan_text,
    "scgan_face": _scgan_face,
    "enhance_unet": _enhance_unet,
    "gfn": _gfn,
    "wrfn": _wrfn,
    "two_branch": _two_branch,
    "trajectory_kernel": _trajectory,
    "spline_kernel": _spline,
}
NAMES = tuple(_MAKERS)


def rendering(seed: int) -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    """Return functions that render a page of text and that make a pair of `blurred_text`.

    Each call takes the next page or pair, whatever its number: `TextRecipe.pair` keeps pages and
    cuts 16 pairs from each.
    """
    rng, recipe, index = np.random.default_rng([seed, 2]), TextRecipe(), itertools.count()
    return (
        lambda number: render_page(rng, "train", (PAGE_SIDE,) * 2),
        lambda number: recipe.pair(seed, next(index), "train"),
    )
