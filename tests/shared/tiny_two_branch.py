"""The two-branch model with thin networks for 16 px, which its test files share."""

import functools

import numpy as np
import tensorflow as tf

from tfdeblur.models.base import Term, objective
from tfdeblur.models.two_branch import TwoBranch, TwoBranchConfig, build_networks
from tfdeblur.stack import keras

PIXEL = {"blurry_pixel", "pixel", "face_pixel"}  # Terms.
W = 4  # Width of the tiny networks.
WIRING = {"input_size", "use_upcnn", "norm", "noise", "noise_mean", "noise_std", "grayscale_input"}


def features(images):
    """Stands for VGG-19: five taps without weights, each half as large as the one before."""
    return [images[:, :: 2**tap, :: 2**tap] for tap in range(5)]


def tiny_config(**fields) -> TwoBranchConfig:
    return TwoBranchConfig(**{"width": W, "input_size": 16, "perceptual_weight": 0.0, **fields})


@functools.cache
def tiny_networks(**fields):
    """The networks of a tiny configuration, random or somewhat trained by a test before."""
    keras.utils.set_random_seed(0)
    return build_networks(tiny_config(**fields))


def tiny_model(**fields) -> TwoBranch:
    """A tiny model whose networks are those of every other with the same."""
    wired = {name: value for name, value in fields.items() if name in WIRING}
    return TwoBranch(tiny_config(**fields), *tiny_networks(**wired), features)


def compiled_model(**fields) -> TwoBranch:
    model = tiny_model(**fields)
    model.compile(
        keras.optimizers.Adam(1e-3),
        {name: keras.optimizers.Adam(1e-3) for name in model.discriminators},
    )
    return model


def face_batch(side=16, count=2):
    low, high = (count, side, side, 3), (count, 8 * side, 8 * side, 3)
    mask = np.zeros((count, 8 * side, 8 * side, 1), np.float32)
    mask[:, 2 * side : 6 * side, 2 * side : 6 * side] = 1  # 25 % of the image.
    return {
        "degraded": tf.random.stateless_uniform(low, seed=(1, 2)),
        "target": tf.random.stateless_uniform(high, seed=(3, 4)),
        "hr_blurry": tf.random.stateless_uniform(high, seed=(5, 6)),
        "face_mask": tf.constant(mask),
    }


def names(network) -> set[str]:
    return {layer.name for layer in network.layers}


def total(terms: dict[str, Term]) -> float:
    return float(objective(terms))
