"""Features of VGG-19 in Torch's unit, for loss weights that were tuned with Torch.

Torch's VGG-19 sees images in [0, 1] less their mean, divided by their standard deviation; Keras'
sees [0, 255] less the mean. Dividing the images and biases of a ReLU network divides its features,
so Keras' features divided by that standard deviation are those of a network for Torch's images.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfdeblur.images.tensors import to_signed
from tfdeblur.losses.perceptual import build_vgg19

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # Torch's, of RGB in [0, 1].
KERAS_STD = 255 * sum(STD) / 3


def build_torch_vgg19(
    taps: Mapping[str, float], weights: str = "imagenet", normalised: bool = True
) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """Build a frozen VGG-19 with weighted features.

    Args:
      taps: factor of each layer's features, by the layer names of `build_vgg19`.
      weights: see `build_vgg19`.
      normalised: whether images are normalised as Torch's are; else they are only mapped to
        [-1, 1].

    Returns:
      A function, `[B, H, W, 3]` RGB in [0, 1] -> the taps' features, each `[B, h, w, C]` float32.

    Raises:
      ValueError: as `build_vgg19`.
      PerceptualError: as `build_vgg19`.
    """
    vgg = build_vgg19(tuple(taps), weights)

    def extract(images: tf.Tensor) -> list[tf.Tensor]:
        if not normalised:  # The images that normalise to [-1, 1].
            images = MEAN + STD * to_signed(images)
        features = zip(taps.values(), vgg(images), strict=True)
        return [tap * (weight / KERAS_STD) for weight, tap in features]

    return extract
