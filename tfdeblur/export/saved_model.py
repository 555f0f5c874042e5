"""A trained generator as a SavedModel that accepts uint8 images and PNG or JPEG bytes.

Padding to legal sizes, conversion from and to 8 bits, and cropping are part of the graph, so a
client needs neither this package nor any knowledge of the model.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfdeblur.export import decoding
from tfdeblur.images import tensors
from tfdeblur.models.config import ModelConfig
from tfdeblur.stack import keras

# `restore_bytes` runs a whole image at once: 64 float32 channels at this size take 4.3 GB.
MAX_RESTORED_PIXELS = 2**24


def rebuild_in_float32(generator: keras.Model, model_config: ModelConfig) -> keras.Model:
    """Return a copy of `generator` that computes in float32, whatever its training precision.

    Args:
      generator: built by `model_config.build_generator()` under any precision policy; its variables
        are always float32.
      model_config: the config that built it.

    Raises:
      ValueError: the model does not accept three channels, or the weights do not fit the network
        that `model_config` builds.
    """
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        rebuilt = model_config.build_generator()
    finally:
        keras.mixed_precision.set_global_policy(policy)
    channels = rebuilt.input_shape[-1]
    if channels not in (None, 3):  # None: each channel is restored separately.
        raise ValueError(f"`channels` of an exported model must be 3. Got: {channels}.")
    rebuilt.set_weights(generator.get_weights())
    return rebuilt


def _mirrored_indices(length: tf.Tensor, padded: tf.Tensor) -> tf.Tensor:
    """Return 0 … length-1, length-1 … 0, 0 …: a mirrored edge of any width, for any length >= 1."""
    position = tf.math.floormod(tf.range(padded), 2 * length)
    return tf.minimum(position, 2 * length - 1 - position)


def pad_to_legal_size(images: tf.Tensor, size_multiple: int, minimum_size: int) -> tf.Tensor:
    """Mirror `[B, H, W, C]` at the bottom and right up to a size that the model accepts.

    `tf.pad` mirrors less than one image length, so it could not pad a 1x1 image.

    Returns:
      `[B, H', W', C]`, H' and W' the smallest multiples of `size_multiple` that are at least H and
      W and at least `minimum_size`; `images` itself where every size is legal.
    """
    if size_multiple == 1 and minimum_size <= 1:
        return images
    for axis in (1, 2):
        length = tf.shape(images)[axis]
        wanted = tf.maximum(length, minimum_size)
        padded = (wanted + size_multiple - 1) // size_multiple * size_multiple
        images = tf.gather(images, _mirrored_indices(length, padded), axis=axis)
    return images


def image_spec(model_config: ModelConfig, batch: int | None) -> tf.TensorSpec:
    """Return the input of `serving_default`: uint8 `[batch, H, W, 3]`, H and W open or fixed."""
    side = model_config.fixed_input_size
    return tf.TensorSpec([batch, side, side, 3], tf.uint8, "images")


def make_servable_restore(
    generator: keras.Model, model_config: ModelConfig
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the function from which every artifact is traced.

    Returns:
      A function uint8 `[B, H, W, 3]`, H and W at least 1 or both `fixed_input_size`, -> uint8
      `[B, sH, sW, 3]`.
    """

    def restore(images: tf.Tensor) -> tf.Tensor:
        if model_config.fixed_input_size is not None:
            return tensors.to_uint8(generator(tensors.to_float(images), training=False))
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        padded = pad_to_legal_size(images, model_config.size_multiple, model_config.minimum_size)
        restored = tensors.to_uint8(generator(tensors.to_float(padded), training=False))
        if padded is images:
            return restored
        return restored[:, : height * model_config.scale, : width * model_config.scale]

    return restore


def max_image_pixels(scale: int) -> int:
    """Return the largest height times width that `restore_bytes` decodes."""
    return MAX_RESTORED_PIXELS // scale**2


class _Servable(tf.Module):
    """The content of a SavedModel: two signatures, and the generator's weights in Keras' order.

    The generator itself is not in the object graph, as Keras would then trace each layer again.
    """

    def __init__(self, generator: keras.Model, model_config: ModelConfig):
        super().__init__()
        self.weights = list(generator.weights)
        restore = make_servable_restore(generator, model_config)
        max_pixels, side = max_image_pixels(model_config.scale), model_config.fixed_input_size

        def restore_one(image_bytes: tf.Tensor) -> tf.Tensor:
            image = decoding.decode_image_bytes(image_bytes, max_pixels, side)
            return tf.io.encode_png(restore(image[tf.newaxis])[0])

        @tf.function(input_signature=[image_spec(model_config, batch=None)])
        def serving_default(images: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"restored": restore(images)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
        def restore_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            # One by one: sizes may differ, and a single image already uses all cores.
            restored = tf.map_fn(
                restore_one, image_bytes, fn_output_signature=tf.string, parallel_iterations=1
            )
            return {"restored_bytes": restored}

        self.serving_default = serving_default
        self.restore_bytes = restore_bytes


def export_saved_model(generator: keras.Model, model_config: ModelConfig, folder: Path) -> None:
    """Write `folder`/saved_model.pb and variables/, with the signatures below, not yet checked.

    `serving_default`: images uint8 `[B, H, W, 3]` -> restored uint8 `[B, sH, sW, 3]`.
    `restore_bytes`: image_bytes string `[B]`, PNG or JPEG, each of its own size -> restored_bytes
    string `[B]`, PNG.

    Args:
      generator: computes in float32 (see `rebuild_in_float32`).
      model_config: its scale and legal sizes become part of the graph.
      folder: created if missing.
    """
    servable = _Servable(generator, model_config)
    signatures = {
        "serving_default": servable.serving_default,
        "restore_bytes": servable.restore_bytes,
    }
    tf.saved_model.save(servable, str(folder), signatures=signatures)


def read_weights(folder: Path) -> list[np.ndarray]:
    """Read the generator's weights from a version folder, for `generator.set_weights`.

    Args:
      folder: written by `export_saved_model`.

    Returns:
      float32 arrays in the order of `generator.weights`.

    Raises:
      ValueError: `folder` does not hold such weights.
    """
    try:
        reader = tf.train.load_checkpoint(str(Path(folder) / "variables" / "variables"))
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(
            f"{folder} must be a version folder with variables/. Got: {error}"
        ) from error
    shapes = reader.get_variable_to_shape_map()
    count = sum(name.startswith("weights/") for name in shapes)
    names = [f"weights/{index}/.ATTRIBUTES/VARIABLE_VALUE" for index in range(count)]
    if not names:
        raise ValueError(f"{folder} must hold generator weights. Got a SavedModel of another kind.")
    return [reader.get_tensor(name) for name in names]
