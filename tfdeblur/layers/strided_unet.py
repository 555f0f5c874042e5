"""An encoder with several decoders, made of 4x4 convolutions that halve and double.

After the U-Net of Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks",
CVPR 2017: convolution, norm and, before the next convolution, activation; skips concatenate.
"""

import tensorflow as tf

from tfdeblur.layers.randomness import StepDropout, StepNoise
from tfdeblur.layers.strided import LEAK, NORMS, convolution, deconvolution
from tfdeblur.stack import keras

DROPOUT = 0.5


class StridedUnet:
    """Connects layers and reuses them each time, so that the weights are shared.

    Level n of the encoder halves the image for the n-th time; level n of a decoder doubles it back.
    The name of a convolution whose bias is removed by a norm ends in `_raw`.

    `step` is `[1]`, the step that keys dropout and noise, or None where the network is not trained:
    then there is no dropout, and the noise differs in each run.
    """

    def __init__(self, width: int, norm: str, noise: tuple[float, float] | None):
        """Start without layers.

        Args:
          width: channels of level 1; each level doubles them, up to 8 times as many.
          norm: `bn` (batch) or `in` (instance).
          noise: mean and standard deviation of the noise that is added after every convolution that
            emits no image, its norm and dropout; None for no noise.
        """
        self.width = width
        self.norm = norm
        self.noise = noise
        self._layers: dict[str, keras.layers.Layer] = {}

    def once(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """Return the first layer that was given with this layer's name."""
        return self._layers.setdefault(layer.name, layer)

    def encode(self, images: tf.Tensor, depth: int, step: tf.Tensor | None) -> list[tf.Tensor]:
        """Return the features of each level, not yet activated, from level 1 to `depth`.

        The first has no norm. With instance norms the last has none either: a single value would
        always become the norm's beta.

        Args:
          images: `[B, S, S, C]`, S being 2 to the power of `depth`.
          depth: levels, down to one value.
          step: see the class.
        """
        x = self.once(convolution(self.width, "encode1"))(images)
        features = [self.disturb(x, "encode1", step)]
        for level in range(2, depth + 1):
            name = f"encode{level}"
            x = self.leak(features[-1], name)
            if level == depth and self.norm == "in":
                x = self.once(convolution(self._filters(level), name))(x)
            else:
                x = self.once(convolution(self._filters(level), f"{name}_raw"))(x)
                x = self._normalise(x, name)
            features.append(self.disturb(x, name, step))
        return features

    def decode(
        self,
        branch: str,
        skips: list[tf.Tensor],
        dropout_levels: tuple[int, ...],
        step: tf.Tensor | None,
    ) -> tf.Tensor:
        """Return a decoder's last features, `[B, S / 2, S / 2, width]`, not yet activated.

        Args:
          branch: prefix of the layers' names.
          skips: features of the encoder from level 1 on; the last ones are decoded.
          dropout_levels: levels that drop half of their features.
          step: see the class.
        """
        x = skips[-1]
        for level in range(len(skips), 1, -1):
            name = f"{branch}{level}"
            x = self.once(keras.layers.ReLU(name=f"{name}_relu"))(x)
            x = self.once(deconvolution(self._filters(level - 1), f"{name}_raw"))(x)
            x = self._normalise(x, name)
            if level in dropout_levels and step is not None:
                x = self.once(StepDropout(DROPOUT, self._seed(), name=f"{name}_dropout"))([x, step])
            x = self.disturb(x, name, step)
            if level > 2:
                x = self.once(keras.layers.Concatenate(name=f"{name}_skip"))([skips[level - 2], x])
        return x

    def emit(self, branch: str, features: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
        """Return an image `[B, S, S, 3]` float32 in [0, 1].

        Args:
          branch: prefix of the layers' names, and the name of the last layer.
          features: of `decode`.
          skip: of the encoder's level 1.
        """
        x = self.once(keras.layers.Concatenate(name=f"{branch}2_skip"))([skip, features])
        x = self.once(keras.layers.ReLU(name=f"{branch}1_relu"))(x)
        x = self.once(deconvolution(3, f"{branch}1"))(x)
        tanh = keras.layers.Activation("tanh", dtype="float32", name=f"{branch}_tanh")
        return self.once(keras.layers.Rescaling(0.5, 0.5, dtype="float32", name=branch))(
            self.once(tanh)(x)
        )

    def disturb(self, x: tf.Tensor, name: str, step: tf.Tensor | None) -> tf.Tensor:
        """Add the noise, if any."""
        if self.noise is None:
            return x
        noise = self.once(StepNoise(*self.noise, self._seed(), name=f"{name}_noise"))
        return noise(x if step is None else [x, step])

    def leak(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Apply a LeakyReLU."""
        return self.once(keras.layers.LeakyReLU(LEAK, name=f"{name}_relu"))(x)

    def _normalise(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return self.once(NORMS[self.norm](f"{name}_norm"))(x)

    def _filters(self, level: int) -> int:
        return self.width * min(8, 2 ** (level - 1))

    def _seed(self) -> int:
        """Return a different seed for each layer."""
        return len(self._layers)
