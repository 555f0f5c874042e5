"""SRResNet, the x4 super-resolution network that other papers compare to and build on.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network", CVPR 2017, Fig. 4.
"""

from collections.abc import Callable

import tensorflow as tf

from tfdeblur.layers.norms import batch_normalization
from tfdeblur.layers.resampling import DepthToSpace
from tfdeblur.stack import keras


def build_srresnet(
    channels: int,
    width: int,
    blocks: int,
    initial: Callable[[], keras.initializers.Initializer],
    initial_image: keras.initializers.Initializer,
) -> keras.Model:
    """Build SRResNet: 1,552,771 parameters for 3 channels, 64 features and 16 blocks.

    Convolutions before a normalisation have no bias, as the norm would remove it. The output is
    linear.

    Args:
      channels: of the images.
      width: features of every layer.
      blocks: residual blocks.
      initial: makes the initializer of a kernel.
      initial_image: initializer of the last convolution's kernel.

    Returns:
      `[B, H, W, channels]`, any H and W -> `[B, 4H, 4W, channels]` float32 in the range of its
      training targets.
    """

    def convolution(filters: int, size: int, name: str, use_bias: bool = True):
        return keras.layers.Conv2D(
            filters,
            size,
            padding="same",
            use_bias=use_bias,
            kernel_initializer=initial(),
            name=f"srresnet_{name}",
        )

    def normalized(x: tf.Tensor, name: str) -> tf.Tensor:
        x = convolution(width, 3, name, use_bias=False)(x)
        return batch_normalization(f"srresnet_{name}_norm")(x)

    def prelu(x: tf.Tensor, name: str) -> tf.Tensor:
        slope = keras.initializers.Constant(0.25)  # One slope per feature.
        return keras.layers.PReLU(slope, shared_axes=(1, 2), name=f"srresnet_{name}_prelu")(x)

    image = keras.Input((None, None, channels), dtype="float32")
    first = x = prelu(convolution(width, 9, "first")(image), "first")
    for number in range(1, blocks + 1):
        residual = prelu(normalized(x, f"block{number}_conv1"), f"block{number}")
        residual = normalized(residual, f"block{number}_conv2")
        x = keras.layers.Add()([x, residual])
    x = keras.layers.Add()([normalized(x, "last"), first])
    for number in (1, 2):
        x = convolution(4 * width, 3, f"up{number}")(x)
        x = prelu(DepthToSpace(2, name=f"srresnet_shuffle{number}")(x), f"up{number}")
    last = {"kernel_initializer": initial_image, "dtype": "float32", "name": "srresnet_image"}
    enlarged = keras.layers.Conv2D(channels, 9, padding="same", **last)(x)
    return keras.Model(image, enlarged, name="srresnet")
