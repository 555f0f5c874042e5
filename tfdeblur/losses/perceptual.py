"""Losses on the features of VGG-19 (Simonyan and Zisserman 2014), trained on ImageNet.

The weights are those published by Keras, downloaded once or read from a file. Without them there is
no perceptual loss: this module never falls back to random weights.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf

from tfdeblur.losses.pixel import reduce_sample
from tfdeblur.stack import keras

RELEASE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
RELEASE_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{RELEASE}"
RELEASE_MD5 = "253f8cb515780f3b799900260a226db6"  # From Keras 2.15; there is no SHA-256.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # Convolutions and their kernels.
CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)
DISTANCES = {"squared": tf.math.squared_difference, "absolute": lambda a, b: tf.abs(a - b)}


class PerceptualError(ValueError):
    """The weights of VGG-19 are unavailable or unusable; the message says what to do."""


class _ToCaffe(keras.layers.Layer):
    """Converts RGB in [0, 1] to the weights' training input: BGR in [0, 255] less its mean."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return tf.reverse(images * 255.0 - tf.constant(CAFFE_MEAN_RGB, images.dtype), axis=[-1])


def build_vgg19(taps: Sequence[str], weights: str = "imagenet") -> keras.Model:
    """Build a frozen VGG-19 up to its deepest tap.

    Computes in float32 under every policy, as the loss takes small differences of large values.
    `keras.applications.VGG19` takes no dtype, only the global policy, and always makes all layers.

    Args:
      taps: Keras' names of layers, `block1_conv1` to `block5_conv4` (after the ReLU; Relu3_3 is
        `block3_conv3`) and `block1_pool` to `block5_pool`.
      weights: `imagenet`, which Keras caches after the first download, or the path of a weights
        file: Keras' release, or one with the same layers.

    Returns:
      A model, `[B, H, W, 3]` RGB in [0, 1] -> the taps' features, a tuple in the order of `taps`,
      each `[B, h, w, C]` float32. Sides must be at least 2 to the power of the number of pools
      before the tap.

    Raises:
      ValueError: `taps` is empty or names no such layer.
      PerceptualError: the weights cannot be downloaded, read, or do not fit.
    """
    model = build_vgg19_layers(taps)
    _load(model, _download() if weights == "imagenet" else _given(weights))
    return model


def build_vgg19_layers(taps: Sequence[str]) -> keras.Model:
    """Build VGG-19 with random weights to count its operations; never use it for a loss.

    Args:
      taps: as in `build_vgg19`.

    Returns:
      A frozen model, as `build_vgg19`.

    Raises:
      ValueError: `taps` is empty or names no such layer.
    """
    names = [name for name, _ in _layers()]
    if not taps or not set(taps) <= set(names):
        raise ValueError(f"`taps` must be among {', '.join(names)}. Got: {list(taps)}.")
    deepest = max(names.index(tap) for tap in taps)
    image = keras.Input((None, None, 3), name="image", dtype="float32")
    x = _ToCaffe(dtype="float32", name="to_caffe")(image)
    features = {}
    for name, filters in _layers()[: deepest + 1]:
        if filters is None:
            layer = keras.layers.MaxPooling2D(2, dtype="float32", name=name)
        else:
            layer = keras.layers.Conv2D(
                filters, 3, padding="same", activation="relu", dtype="float32", name=name
            )
        x = features[name] = layer(x)
    # A tuple, as Keras would unpack a list of one.
    model = keras.Model(image, tuple(features[tap] for tap in taps), name="vgg19")
    model.trainable = False
    return model


def perceptual_distance(
    extractor: Callable[[tf.Tensor], Sequence[tf.Tensor]],
    target: tf.Tensor,
    restored: tf.Tensor,
    distance: str = "squared",
) -> tf.Tensor:
    """Return the sum over the taps of the mean distance of features (Qi et al. 2020, eq. 4).

    Args:
      extractor: images -> a sequence of features `[B, ...]`; see `build_vgg19`.
      target: `[B, H, W, 3]` in [0, 1].
      restored: same shape.
      distance: `squared`, or `absolute` (Yun et al. 2020, eq. 5).

    Returns:
      float32 `[B]`, in the unit of the features. No gradient flows into `target`.

    Raises:
      ValueError: `distance` is unknown.
    """
    if distance not in DISTANCES:
        raise ValueError(f"`distance` must be one of {', '.join(DISTANCES)}. Got: {distance!r}.")
    pairs = zip(extractor(tf.stop_gradient(target)), extractor(restored), strict=True)
    return tf.add_n(
        [reduce_sample(DISTANCES[distance](real, fake), "mean") for real, fake in pairs]
    )


def _layers() -> list[tuple[str, int | None]]:
    """Return every layer's name, with its number of kernels if it is a convolution, in order."""
    layers: list[tuple[str, int | None]] = []
    for block, (convolutions, filters) in enumerate(BLOCKS, 1):
        layers += [(f"block{block}_conv{n}", filters) for n in range(1, convolutions + 1)]
        layers.append((f"block{block}_pool", None))
    return layers


def _download() -> Path:
    try:
        path = keras.utils.get_file(
            RELEASE, RELEASE_URL, cache_subdir="models", file_hash=RELEASE_MD5
        )
    except Exception as error:  # Keras raises a bare Exception without a connection.
        raise PerceptualError(
            f"The weights of VGG-19 could not be downloaded ({error}). Fetch {RELEASE_URL} on a "
            f"machine with internet and put it at ~/.keras/models/{RELEASE}, or give its path as "
            "`vgg_weights`, or train without a perceptual loss (`perceptual_weight=0`)."
        ) from error
    return Path(path)


def _given(weights: str) -> Path:
    """Check a user's file; a file with the release's name must be the release."""
    path = Path(weights)
    if not path.is_file():
        raise PerceptualError(
            f"`vgg_weights` must be 'imagenet' or the path of Keras' {RELEASE}. "
            f"Got: {weights!r}, which is no file."
        )
    if path.name == RELEASE:
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if digest != RELEASE_MD5:
            raise PerceptualError(
                f"{path}: its MD5 must be {RELEASE_MD5}, that of Keras' release. Got: {digest}. "
                "The file is damaged or incomplete."
            )
    return path


def _load(model: keras.Model, path: Path) -> None:
    try:
        with h5py.File(path) as file:
            for layer in model.layers:
                if layer.weights:
                    layer.set_weights(_layer_weights(file, layer, path))
    except OSError as error:  # Not HDF5, or truncated.
        raise PerceptualError(
            f"{path} must be Keras' {RELEASE} or a file of the same layers. Got: {error}."
        ) from error


def _layer_weights(file: h5py.File, layer: keras.layers.Layer, path: Path) -> list[np.ndarray]:
    """Read a layer's kernel and bias from a Keras HDF5 weights file."""
    group = file.get(layer.name)
    if group is None or "weight_names" not in group.attrs:
        raise PerceptualError(
            f"{path} must hold the layer {layer.name}, as Keras' {RELEASE} does. "
            f"Got: {', '.join(file) or 'nothing'}."
        )
    values = [np.asarray(group[name]) for name in group.attrs["weight_names"]]
    shapes = [value.shape for value in values]
    expected = [tuple(weight.shape) for weight in layer.weights]
    if shapes != expected:
        raise PerceptualError(
            f"{path}: the layer {layer.name} must have the shapes {expected}. Got: {shapes}."
        )
    return values
