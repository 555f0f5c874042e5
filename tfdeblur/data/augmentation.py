"""Paired augmentation: a degraded image and all images of its pair are transformed alike.

Each image's sides are a multiple of the degraded image's: its factor. Every draw is a function of
the seed passed in.
"""

import itertools
from collections.abc import Mapping
from functools import partial

import tensorflow as tf

_REVERSED = ((), (0,), (0, 1), (1,))  # Axes to reverse, by quarter turns; odd ones transpose first.


def fold_seed(seed, number: tf.Tensor | int) -> tf.Tensor:
    """Derive a seed `[2]` for `tf.random.stateless_*`, independent for every number."""
    seed = tf.cast(seed, tf.int64)
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64), alg="philox")


def draw_corner(image: tf.Tensor, side: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw where to cut a square from an image, uniformly.

    Args:
      image: `[H, W, C]`.
      side: of the square in pixels, at most H and W.
      seed: `[2]`.

    Returns:
      The square's top and left, int32 scalars.
    """
    last = tf.shape(image)[:2] - side
    top, left = (_draw(last[axis] + 1, fold_seed(seed, axis)) for axis in (0, 1))
    return top, left


def crop_pair(
    images: Mapping[str, tf.Tensor], factors: Mapping[str, int], side: int, seed: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Cut the same random square from all images of a pair, on the degraded image's pixel grid.

    Args:
      images: `[factor * h, factor * w, C]` by name, including `degraded`, `[h, w, C]`.
      factors: by name; `degraded`'s is 1.
      side: of the square in pixels of the degraded image, at most h and w.
      seed: `[2]`.

    Returns:
      `[factor * side, factor * side, C]` by name.
    """
    top, left = draw_corner(images["degraded"], side, seed)
    cropped = {}
    for name, image in images.items():
        factor = factors[name]
        rows = slice(factor * top, factor * (top + side))
        columns = slice(factor * left, factor * (left + side))
        shape = (factor * side, factor * side, image.shape[-1])
        cropped[name] = tf.ensure_shape(image[rows, columns], shape)
    return cropped


def turn_pair(
    images: Mapping[str, tf.Tensor], seed: tf.Tensor, *, flip: bool, rotate: bool
) -> dict[str, tf.Tensor]:
    """Flip and turn all images of a pair alike.

    Args:
      images: `[H, W, C]` by name; must be square if `rotate`.
      seed: `[2]`.
      flip: whether to mirror left to right with probability 1/2.
      rotate: whether to turn by 0, 90, 180 or 270 degrees, equally likely, after the flip.
    """
    mirrors, turns = range(2 if flip else 1), range(4 if rotate else 1)
    ways = [partial(_turned, images, *way) for way in itertools.product(mirrors, turns)]
    return tf.switch_case(_draw(len(ways), seed), ways)


def _turned(images: Mapping[str, tf.Tensor], mirror: int, quarters: int) -> dict[str, tf.Tensor]:
    """Flip if `mirror` is 1, then turn counter-clockwise."""
    turned = {}
    for name, image in images.items():
        if mirror:
            image = tf.reverse(image, [1])
        if quarters % 2:
            image = tf.transpose(image, (1, 0, 2))
        turned[name] = tf.reverse(image, _REVERSED[quarters]) if quarters else image
    return turned


def _draw(count: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
    """Draw one of the numbers 0 to `count` - 1."""
    return tf.random.stateless_uniform([], seed, 0, count, tf.int32, alg="philox")
