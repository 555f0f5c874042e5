"""SCGAN: joint x4 super-resolution and deblurring of one class of images, text or faces.

Xu, Sun, Pan, Zhang, Pfister and Yang, "Learning to Super-Resolve Blurry Face and Text Images",
ICCV 2017. Equation, table and section numbers refer to it. Where the paper leaves a choice:

- Table 1 prints 64 kernels for all twelve generator layers; the last one must emit an image, so it
  has as many as the image has channels.
- Losses compare images in the generator's own range [-1, 1] (tanh).
- Squared norms are means over elements; as printed, they are sums, with which the weights 1e-3 and
  the margin 1 would vanish beside the other terms (`reduction="sum"` restores them).
- Convolutions in front of a batch normalisation have no bias.
- Features are taken after batch normalisation and LeakyReLU.
"""

from dataclasses import dataclass

import keras
import tensorflow as tf

from tfdeblur.losses.adversarial import (
    cross_entropy_discriminator_loss,
    nonsaturating_generator_loss,
)
from tfdeblur.losses.features import feature_matching, triplet
from tfdeblur.losses.pixel import squared_error
from tfdeblur.models.base import Batch, RestorationGAN, RestorationModel, Term

OBJECTIVES = ("pixel", "gan", "pixel+gan", "full")
GENERATOR_LAYERS = ("uconv", "conv", "uconv") + ("conv",) * 9  # Table 1.
DISCRIMINATOR_LAYERS = 4
LEAK = 0.2


@dataclass
class SCGANConfig:
    """Every switch of the paper's experiments. The defaults are the paper's own.

    Attributes:
      channels: of the image; grey text is given as three equal channels.
      width: kernels of every layer but the last (Table 1: 64).
      objective: the generator's loss: `pixel` (eq. 3), `gan` (eq. 2), `pixel+gan` (eq. 4: "basic")
        or `full` (eq. 7, with eq. 8 for the discriminator).
      feature_layer_generator: n of "GnDm": the layer of eq. 5 in the generator's loss, 1 to 4.
      feature_layer_discriminator: m of "GnDm": the layer of eq. 8's triplet, 1 to 4.
      feature_weight: lambda_1 of eq. 7.
      adversarial_weight: lambda_2 of eq. 7, and lambda of eq. 4, which the paper does not give.
      triplet_weight: lambda_3 of eq. 8.
      triplet_margin: alpha of eq. 8.
      reduction: `mean` or `sum`; see the module.
      split_batches: whether the discriminator normalises real and restored images as separate
        batches (§4, Fig. 5).
      discriminator_size: side of the images that the discriminator judges, a multiple of 16.
    """

    name: str = "scgan"
    channels: int = 3
    width: int = 64
    objective: str = "full"
    feature_layer_generator: int = 2
    feature_layer_discriminator: int = 3
    feature_weight: float = 1.0
    adversarial_weight: float = 1e-3
    triplet_weight: float = 0.1
    triplet_margin: float = 1.0
    reduction: str = "mean"
    split_batches: bool = True
    discriminator_size: int = 64

    @property
    def scale(self) -> int:
        """Super-resolution factor."""
        return 4

    @property
    def halo(self) -> int:
        """Context in LR pixels on each side that one restored pixel depends on."""
        return 7

    @property
    def size_multiple(self) -> int:
        """LR sides must be multiples of this: any side will do."""
        return 1

    @property
    def minimum_size(self) -> int:
        """Smallest LR side."""
        return 1

    @property
    def minimum_batch_size(self) -> int:
        """Smallest batch: the triplet of the full objective needs another real image."""
        return 2 if self.objective == "full" else 1

    @property
    def target_size(self) -> int | None:
        """Side of the targets: the discriminator takes one size; without it any will do."""
        return None if self.objective == "pixel" else self.discriminator_size

    def validate(self) -> None:
        """Raise ValueError for a field outside its range."""
        if self.objective not in OBJECTIVES:
            raise ValueError(f"`objective` must be one of {OBJECTIVES}. Got: {self.objective!r}.")
        if self.reduction not in ("mean", "sum"):
            raise ValueError(f"`reduction` must be 'mean' or 'sum'. Got: {self.reduction!r}.")
        for field in ("feature_layer_generator", "feature_layer_discriminator"):
            layer = getattr(self, field)
            if not 1 <= layer <= DISCRIMINATOR_LAYERS:
                raise ValueError(f"`{field}` must be 1 to {DISCRIMINATOR_LAYERS}. Got: {layer}.")
        for field in ("channels", "width"):
            if getattr(self, field) < 1:
                raise ValueError(f"`{field}` must be at least 1. Got: {getattr(self, field)}.")
        if self.discriminator_size < 16 or self.discriminator_size % 16:
            raise ValueError(
                f"`discriminator_size` must be a multiple of 16. Got: {self.discriminator_size}."
            )

    def build_generator(self) -> keras.Model:
        """Build the generator of Table 1. See `build_generator`."""
        self.validate()
        return build_generator(self.channels, self.width)

    def build(self) -> RestorationModel:
        """Build the trainable model with the networks that its objective needs."""
        generator = self.build_generator()
        if self.objective == "pixel":
            return SCGAN(self, generator, {})
        discriminator = build_discriminator(self.discriminator_size, self.channels, self.width)
        return SCGAN(self, generator, {"discriminator": discriminator})


def build_generator(channels: int, width: int) -> keras.Model:
    """Build the generator of Table 1: two transposed and ten plain convolutions.

    `[B, H, W, channels]` float32 in [0, 1] -> `[B, 4H, 4W, channels]` float32 in [0, 1], any H, W.
    """
    degraded = keras.Input((None, None, channels), name="degraded", dtype="float32")
    x = keras.layers.Rescaling(2.0, -1.0, name="to_signed")(degraded)
    last = len(GENERATOR_LAYERS)
    for number, kind in enumerate(GENERATOR_LAYERS[:-1], 1):
        x = _convolution(kind, width, use_bias=False, name=f"{kind}{number}")(x)
        x = _batch_normalization(f"norm{number}")(x)
        x = keras.layers.ReLU(name=f"relu{number}")(x)
    x = _convolution(GENERATOR_LAYERS[-1], channels, use_bias=True, name=f"conv{last}")(x)
    x = keras.layers.Activation("tanh", dtype="float32", name="tanh")(x)
    restored = keras.layers.Rescaling(0.5, 0.5, dtype="float32", name="restored")(x)
    return keras.Model(degraded, restored, name="scgan_generator")


def build_discriminator(size: int, channels: int, width: int) -> keras.Model:
    """Build the discriminator of Table 1.

    `[B, size, size, channels]` float32 in [-1, 1] -> the four layers' features and the logits
    float32 `[B, 1]`, in one list. For a size of 64 the features have sides 32, 16, 8 and 4.
    """
    image = keras.Input((size, size, channels), name="image", dtype="float32")
    x = image
    features = []
    for number in range(1, DISCRIMINATOR_LAYERS + 1):
        first = number == 1
        x = keras.layers.Conv2D(
            width,
            4,
            strides=2,
            padding="same",
            use_bias=first,
            kernel_initializer=_he_normal(),
            name=f"conv{number}",
        )(x)
        if not first:
            x = _batch_normalization(f"norm{number}")(x)
        x = keras.layers.LeakyReLU(LEAK, name=f"relu{number}")(x)
        features.append(x)
    x = keras.layers.Flatten(name="flatten")(x)
    logits = keras.layers.Dense(1, kernel_initializer=_he_normal(), dtype="float32", name="logits")(
        x
    )
    return keras.Model(image, [*features, logits], name="scgan_discriminator")


def _he_normal() -> keras.initializers.Initializer:
    """Variance 2 / n_in (§4), n_in read as the fan-in; truncation would shrink it."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def _batch_normalization(name: str) -> keras.layers.Layer:
    """Fused: its statistics are float32 whatever the policy (measured to 2e-5 under bfloat16)."""
    return keras.layers.BatchNormalization(fused=True, name=name)


def _convolution(kind: str, filters: int, use_bias: bool, name: str) -> keras.layers.Layer:
    shared = {
        "padding": "same",
        "use_bias": use_bias,
        "kernel_initializer": _he_normal(),
        "name": name,
    }
    if kind == "uconv":
        return keras.layers.Conv2DTranspose(filters, 6, strides=2, **shared)
    return keras.layers.Conv2D(filters, 5, **shared)


class SCGAN(RestorationGAN):
    """The generator, its discriminator and the objective of equations 2 to 8."""

    def __init__(self, config: SCGANConfig, generator: keras.Model, discriminators):
        super().__init__(generator, discriminators)
        self.config = config

    def generator_terms(self, batch: Batch, restored: tf.Tensor) -> dict[str, Term]:
        """Return eq. 7 or the ablation that `objective` names."""
        config = self.config
        real, fake = _signed(batch["target"]), _signed(restored)
        terms: dict[str, Term] = {}
        if config.objective != "gan":
            terms["pixel"] = Term(1.0, squared_error(real, fake, config.reduction))
        if config.objective == "pixel":
            return terms
        real_outputs, fake_outputs = self._observe("discriminator", real, fake)
        if config.objective == "full":
            layer = config.feature_layer_generator - 1
            matching = feature_matching(
                tf.stop_gradient(real_outputs[layer]), fake_outputs[layer], config.reduction
            )
            terms["feature_matching"] = Term(config.feature_weight, matching)
        weight = 1.0 if config.objective == "gan" else config.adversarial_weight
        terms["adversarial"] = Term(weight, nonsaturating_generator_loss(fake_outputs[-1]))
        return terms

    def discriminator_terms(self, name: str, batch: Batch, restored: tf.Tensor) -> dict[str, Term]:
        """Return eq. 8; without the triplet unless the objective is `full`."""
        config = self.config
        real_outputs, fake_outputs = self._observe(
            name, _signed(batch["target"]), tf.stop_gradient(_signed(restored))
        )
        cross_entropy = cross_entropy_discriminator_loss(real_outputs[-1], fake_outputs[-1])
        terms = {"cross_entropy": Term(1.0, cross_entropy)}
        if config.objective == "full":
            layer = config.feature_layer_discriminator - 1
            anchor = real_outputs[layer]
            # The other real sample is the batch's next: its features are the permuted features.
            values = triplet(
                anchor,
                positive=tf.roll(anchor, 1, axis=0),
                negative=fake_outputs[layer],
                margin=config.triplet_margin,
                reduction=config.reduction,
            )
            terms["triplet"] = Term(config.triplet_weight, values)
        return terms

    def _observe(self, name: str, real: tf.Tensor, fake: tf.Tensor):
        """Return the discriminator's features and logits of real and restored images."""
        discriminator = self.discriminators[name]
        if self.config.split_batches:
            return discriminator(real, training=True), discriminator(fake, training=True)
        outputs = discriminator(tf.concat([real, fake], axis=0), training=True)
        halves = [tf.split(output, 2, axis=0) for output in outputs]
        return [real_half for real_half, _ in halves], [fake_half for _, fake_half in halves]


def _signed(images: tf.Tensor) -> tf.Tensor:
    """[0, 1] -> [-1, 1]."""
    return images * 2.0 - 1.0
