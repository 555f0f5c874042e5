"""Layers that constrain a network's input: one size, no colours."""

import numpy as np
import tensorflow as tf

from tfdeblur.stack import keras

LUMA = (0.299, 0.587, 0.114)  # Weights of red, green and blue (ITU-R BT.601).


class FixedSize(keras.layers.Layer):
    """Accepts only square images of one size: `[B, side, side, C]`, of any dtype.

    Static sizes are checked when the graph is built, others when it runs. A TensorFlow Lite file
    needs the size when it is converted.
    """

    def __init__(self, side: int, name: str):
        """Build the layer.

        Args:
          side: in pixels, at least 1.
          name: of the layer.

        Raises:
          ValueError: `side` is below 1.
        """
        if side < 1:
            raise ValueError(f"`side` must be at least 1. Got: {side}.")
        # A mixed policy must not round values that only pass through.
        super().__init__(name=name, trainable=False, autocast=False)
        self.side = side

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Return the batch.

        Raises:
          ValueError: the static size is wrong.
          tf.errors.InvalidArgumentError: the size at run time is wrong.
        """
        height, width = images.shape[1:3]
        if {height, width} - {self.side, None}:
            raise ValueError(
                f"Images must be {self.side}x{self.side} px for this network. "
                f"Got: {height}x{width}."
            )
        return tf.ensure_shape(images, (None, self.side, self.side, None))

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"side": self.side, "name": self.name}


class Greyscale(keras.layers.Layer):
    """Removes colour: `[B, H, W, 3]` RGB -> `[B, H, W, 3]` float32, each channel the luma.

    Computes in float32 under every policy. Grey images pass through unchanged.
    """

    def __init__(self, name: str):
        super().__init__(name=name, trainable=False, dtype="float32")

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Convert a batch; see the class."""
        weights = np.tile(np.array(LUMA, np.float32)[:, None], (1, 3))
        return tf.nn.conv2d(images, weights[None, None], strides=1, padding="VALID")

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"name": self.name}
