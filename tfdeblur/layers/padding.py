"""Pad images to sizes that a network divides evenly, and crop its output back.

padded = PadToMultiple(4, name="pad")(images)
restored = CropToImages(scale, name="crop")((network(padded), images))
"""

import tensorflow as tf

from tfdeblur.stack import keras


class PadToMultiple(keras.layers.Layer):
    """Pads images by reflection at the bottom and right up to multiples of a number.

    `[B, H, W, C]` -> `[B, ceil(H / multiple) * multiple, ceil(W / multiple) * multiple, C]` of the
    same dtype, H and W at least 1. The edge pixel is not repeated: 0 1 2 | 1 0. An image that is
    too small for one reflection is reflected as often as needed: 0 1 | 0 1; a side of 1 repeats its
    pixel. Sizes may be unknown when the graph is built.
    """

    def __init__(self, multiple: int, name: str):
        """Build the layer.

        Args:
          multiple: in pixels, at least 1.
          name: of the layer.

        Raises:
          ValueError: `multiple` is below 1.
        """
        if multiple < 1:
            raise ValueError(f"`multiple` must be at least 1. Got: {multiple}.")
        # A mixed policy must not round values that are only copied.
        super().__init__(name=name, trainable=False, autocast=False)
        self.multiple = multiple

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Pad a batch; see the class."""
        for axis, side in zip((1, 2), _sides(images), strict=True):
            padded = -(-side // self.multiple) * self.multiple
            # tf.pad cannot reflect a side that is not longer than its padding; tf.gather can,
            # whatever the sides are at run time.
            images = tf.gather(images, _reflected(side, padded), axis=axis)
        return images

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"multiple": self.multiple, "name": self.name}


class CropToImages(keras.layers.Layer):
    """Crops a network's output to the size of the images before padding.

    (`[B, H', W', C]`, `[B, H, W, ...]`) -> the top left `[B, scale * H, scale * W, C]` of the
    first, in its dtype.
    """

    def __init__(self, scale: int = 1, *, name: str):
        """Build the layer.

        Args:
          scale: enlargement factor of the network, at least 1.
          name: of the layer.

        Raises:
          ValueError: `scale` is below 1.
        """
        if scale < 1:
            raise ValueError(f"`scale` must be at least 1. Got: {scale}.")
        super().__init__(name=name, trainable=False, autocast=False)
        self.scale = scale

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Crop a batch; see the class."""
        output, images = inputs
        height, width = _sides(images)
        return output[:, : self.scale * height, : self.scale * width]

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"scale": self.scale, "name": self.name}


def _sides(images: tf.Tensor) -> tuple:
    """Return height and width: numbers where static, else scalar tensors."""
    known, shape = images.shape[1:3], tf.shape(images)
    return tuple(shape[axis] if known[axis - 1] is None else known[axis - 1] for axis in (1, 2))


def _reflected(side, padded) -> tf.Tensor:
    """Return the source index of `padded` positions: 0 .. side - 1, back to 0, and so on."""
    period = tf.maximum(2 * (side - 1), 1)
    within = tf.range(padded) % period
    return tf.minimum(within, period - within)
