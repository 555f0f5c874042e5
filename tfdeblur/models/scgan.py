"""SCGAN: joint x4 super-resolution and deblurring of text or faces; MCGAN: both in one network.

Xu, Sun, Pan, Zhang, Pfister and Yang, "Learning to Super-Resolve Blurry Face and Text Images",
ICCV 2017. Equation, table and section numbers refer to it. Where the paper leaves a choice:

- Table 1 prints 64 kernels for all twelve generator layers; the last one must emit an image, so it
  has one kernel per image channel.
- Losses compare images in the generator's own range [-1, 1] (tanh).
- Squared norms are means over elements. The paper prints sums, with which the weights 1e-3 and the
  margin 1 would vanish beside the other terms (`reduction="sum"` restores them).
- Convolutions before a batch normalisation have no bias.
- Features are taken after batch normalisation and LeakyReLU.
- The generator with bicubic upsampling (§6, Fig. 10) keeps its twelve layers: the input is enlarged
  x4 before them, and the two transposed convolutions become plain 5x5 ones.
- Each multi-class discriminator (§3.4) sees only images of its own class, as a separate batch, in
  the generator's loss too.
"""

from dataclasses import dataclass

import tensorflow as tf

from tfdeblur.images.tensors import to_signed
from tfdeblur.layers.bicubic import BicubicUpscale
from tfdeblur.layers.norms import batch_normalization
from tfdeblur.layers.replicas import roll_over_batch
from tfdeblur.losses.adversarial import (
    cross_entropy_discriminator_loss,
    nonsaturating_generator_loss,
)
from tfdeblur.losses.features import feature_matching, triplet
from tfdeblur.losses.pixel import squared_error
from tfdeblur.models.base import Batch, Outputs, RestorationGAN, RestorationModel, Term
from tfdeblur.models.config import ModelConfig
from tfdeblur.rules import at_least, between, non_negative, one_of, ruled
from tfdeblur.stack import keras

GENERATOR_LAYERS = ("uconv", "conv", "uconv") + ("conv",) * 9  # Table 1.
DISCRIMINATOR_LAYERS = 4
LEAK = 0.2
_MEANS_WIDTH, _MEANS_PASSES = 7, 3  # Pixels of the restored image.
_MEANS_REACH = _MEANS_PASSES * (_MEANS_WIDTH // 2)
NORM_EPSILON = 1e-3  # Not stated; Keras' default. The released weights were trained with it.


@dataclass
class SCGANConfig(ModelConfig):
    """Every switch of the paper's experiments. The defaults are the paper's.

    Attributes:
      channels: of the image; grey text is given as three equal channels.
      width: kernels of every layer but the last (Table 1: 64).
      upsample: `uconv`, transposed convolutions, or `bicubic` before plain ones (Fig. 10).
      classes: K of §3.4: 1 for SCGAN; more for MCGAN, which has one discriminator per class and
        needs batches with `class_index` and equally many pairs of every class.
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
      freeze_statistics: whether the generator's batch norms keep their initial statistics, to
        continue from trained weights. Ours: in small batches of varied pages the batch statistics,
        and so the colours, depend on which pages are in the batch.
      keep_means: whether to correct the local means of the restored image, over about 20 px, to
        those of the enlarged input, which blur does not change. Ours: areas keep their colours.
    """

    name: str = "scgan"
    channels: int = at_least(1, default=3)
    width: int = at_least(1, default=64)
    upsample: str = one_of(("uconv", "bicubic"), default="uconv")
    classes: int = at_least(1, default=1)
    objective: str = one_of(("pixel", "gan", "pixel+gan", "full"), default="full")
    feature_layer_generator: int = between(1, DISCRIMINATOR_LAYERS, default=2)
    feature_layer_discriminator: int = between(1, DISCRIMINATOR_LAYERS, default=3)
    feature_weight: float = non_negative(default=1.0)
    adversarial_weight: float = non_negative(default=1e-3)
    triplet_weight: float = non_negative(default=0.1)
    triplet_margin: float = non_negative(default=1.0)
    reduction: str = one_of(("mean", "sum"), default="mean")
    split_batches: bool = True
    discriminator_size: int = ruled(
        "a multiple of 16", lambda side: side >= 16 and side % 16 == 0, default=64
    )
    freeze_statistics: bool = False
    keep_means: bool = False

    scale = 4
    paper = "Xu et al., ICCV 2017"

    @property
    def training_size(self) -> int:
        """Side of the LR patches: 64 px / 4."""
        return self.discriminator_size // self.scale

    @property
    def halo(self) -> int:
        """Context in LR pixels on each side that one restored pixel depends on."""
        reach = 7 if self.upsample == "uconv" else 8
        return reach + (-(-_MEANS_REACH // self.scale) if self.keep_means else 0)

    @property
    def minimum_batch_size(self) -> int:
        """Smallest batch: every class; the triplet needs another real image of the same class."""
        return self.classes * (2 if self.has_triplet else 1)

    @property
    def target_size(self) -> int | None:
        """Side of the targets: the discriminator takes one size; without it any size works."""
        return self.discriminator_size if self.discriminator_names else None

    @property
    def generator_weights(self) -> dict[str, float]:
        """Non-zero weights of the generator's loss, by term."""
        weights = {} if self.objective == "gan" else {"pixel": 1.0}
        if self.objective == "full":
            weights["feature_matching"] = self.feature_weight
        if self.objective != "pixel":
            weights["adversarial"] = 1.0 if self.objective == "gan" else self.adversarial_weight
        return {name: weight for name, weight in weights.items() if weight}

    @property
    def discriminator_names(self) -> tuple[str, ...]:
        """One discriminator per class; none if the generator's loss needs none."""
        if set(self.generator_weights) == {"pixel"}:
            return ()
        if self.classes == 1:
            return ("discriminator",)
        return tuple(f"discriminator_{index}" for index in range(self.classes))

    @property
    def has_triplet(self) -> bool:
        """Whether the discriminators' loss has the triplet of eq. 8."""
        used = self.objective == "full" and self.triplet_weight > 0
        return used and bool(self.discriminator_names)

    def build_generator(self) -> keras.Model:
        """Build the generator of Table 1. See `build_generator`."""
        self.validate()
        return build_generator(self.channels, self.width, self.upsample, self.keep_means)

    def build(self) -> RestorationModel:
        """Build the trainable model with the networks that its objective needs."""
        generator = self.build_generator()
        discriminators = {
            name: build_discriminator(
                self.discriminator_size, self.channels, self.width, f"scgan_{name}"
            )
            for name in self.discriminator_names
        }
        return SCGAN(self, generator, discriminators)


def build_generator(
    channels: int, width: int, upsample: str = "uconv", keep_means: bool = False
) -> keras.Model:
    """Build the generator of Table 1: two transposed and ten plain convolutions.

    `[B, H, W, channels]` float32 in [0, 1] -> `[B, 4H, 4W, channels]` float32 in [0, 1], any H, W.

    Args:
      channels: of the image.
      width: kernels of every layer but the last.
      upsample: `uconv`, or `bicubic` for an enlarged input and twelve plain convolutions.
      keep_means: see `SCGANConfig`; what is restored may then leave [0, 1] a little.
    """
    degraded = keras.Input((None, None, channels), name="degraded", dtype="float32")
    x = keras.layers.Rescaling(2.0, -1.0, name="to_signed")(degraded)
    kinds: tuple[str, ...] = GENERATOR_LAYERS
    if upsample == "bicubic":
        x = BicubicUpscale(4, name="enlarge")(x)
        kinds = ("conv",) * len(GENERATOR_LAYERS)
    last = len(kinds)
    for number, kind in enumerate(kinds[:-1], 1):
        x = _convolution(kind, width, use_bias=False, name=f"{kind}{number}")(x)
        x = batch_normalization(f"norm{number}", NORM_EPSILON)(x)
        x = keras.layers.ReLU(name=f"relu{number}")(x)
    x = _convolution(kinds[-1], channels, use_bias=True, name=f"conv{last}")(x)
    x = keras.layers.Activation("tanh", dtype="float32", name="tanh")(x)
    restored = keras.layers.Rescaling(0.5, 0.5, dtype="float32", name="restored")(x)
    if keep_means:
        restored = _with_means_of(degraded, restored)
    return keras.Model(degraded, restored, name="scgan_generator")


def _with_means_of(degraded, restored):
    """Add what the local means of the restored image lack; at borders they see what there is."""
    enlarged = BicubicUpscale(4, name="enlarged")(degraded)
    lacking = keras.layers.Subtract(dtype="float32", name="lacking")([enlarged, restored])
    for number in range(1, _MEANS_PASSES + 1):  # Nearly a Gaussian of sigma 3.5 px.
        lacking = keras.layers.AveragePooling2D(
            _MEANS_WIDTH, strides=1, padding="same", dtype="float32", name=f"mean{number}"
        )(lacking)
    return keras.layers.Add(dtype="float32", name="kept_means")([restored, lacking])


def build_discriminator(
    size: int, channels: int, width: int, name: str = "scgan_discriminator"
) -> keras.Model:
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
            x = batch_normalization(f"norm{number}", NORM_EPSILON)(x)
        x = keras.layers.LeakyReLU(LEAK, name=f"relu{number}")(x)
        features.append(x)
    x = keras.layers.Flatten(name="flatten")(x)
    logits = keras.layers.Dense(1, kernel_initializer=_he_normal(), dtype="float32", name="logits")(
        x
    )
    return keras.Model(image, [*features, logits], name=name)


def _he_normal(transposed: bool = False) -> keras.initializers.Initializer:
    """Variance 2 / n_in (§4), n_in read as the fan-in; truncation would shrink it.

    Keras counts a transposed kernel's inputs, the last axis, as its fan-out.
    """
    mode = "fan_out" if transposed else "fan_in"
    return keras.initializers.VarianceScaling(2.0, mode, "untruncated_normal")


def _convolution(kind: str, filters: int, use_bias: bool, name: str) -> keras.layers.Layer:
    shared = {
        "padding": "same",
        "use_bias": use_bias,
        "kernel_initializer": _he_normal(transposed=kind == "uconv"),
        "name": name,
    }
    if kind == "uconv":
        return keras.layers.Conv2DTranspose(filters, 6, strides=2, **shared)
    return keras.layers.Conv2D(filters, 5, **shared)


class SCGAN(RestorationGAN):
    """The generator, one discriminator per class and the objective of equations 2 to 11."""

    def __init__(self, config: SCGANConfig, generator: keras.Model, discriminators):
        super().__init__(generator, discriminators)
        self.config = config

    def forward(self, batch: Batch) -> Outputs:
        """Run the generator in training mode, its norms in inference mode if frozen."""
        training = not self.config.freeze_statistics
        return {"restored": self.generator(batch["degraded"], training=training)}

    def generator_terms(self, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return eq. 7 (eq. 11 for several classes), or the ablation that `objective` names.

        Raises:
          ValueError: there are several classes, but the batch does not hold them in equal parts.
        """
        config = self.config
        weights = config.generator_weights
        real, fake = to_signed(batch["target"]), to_signed(outputs["restored"])
        values: dict[str, tf.Tensor] = {}
        if "pixel" in weights:
            values["pixel"] = squared_error(real, fake, config.reduction)
        if self.discriminators:
            self._check_classes(batch)
            # The sums over j in eqs. 9 and 10 leave one discriminator's value per image.
            by_class = [
                self._judge(name, *images)
                for name, *images in zip(
                    self.discriminators, self._by_class(real), self._by_class(fake), strict=True
                )
            ]
            values |= {
                name: tf.concat([each[name] for each in by_class], 0) for name in by_class[0]
            }
        return {name: Term(weight, values[name]) for name, weight in weights.items()}

    def discriminator_terms(self, name: str, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return eq. 8 on the images of the discriminator's class; the triplet if it has one."""
        config = self.config
        index = config.discriminator_names.index(name)
        real = self._by_class(to_signed(batch["target"]))[index]
        fake = self._by_class(tf.stop_gradient(to_signed(outputs["restored"])))[index]
        real_outputs, fake_outputs = self._observe(name, real, fake)
        cross_entropy = cross_entropy_discriminator_loss(real_outputs[-1], fake_outputs[-1])
        terms = {"cross_entropy": Term(1.0, cross_entropy)}
        if config.has_triplet:
            layer = config.feature_layer_discriminator - 1
            anchor = real_outputs[layer]
            # The other real sample is the next in the batch, so its features are a permutation.
            values = triplet(
                anchor,
                positive=roll_over_batch(anchor),
                negative=fake_outputs[layer],
                margin=config.triplet_margin,
                reduction=config.reduction,
            )
            terms["triplet"] = Term(config.triplet_weight, values)
        return terms

    def _judge(self, name: str, real: tf.Tensor, fake: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the values of the generator terms that need this discriminator."""
        config = self.config
        real_outputs, fake_outputs = self._observe(name, real, fake)
        values = {}
        if "feature_matching" in config.generator_weights:
            layer = config.feature_layer_generator - 1
            values["feature_matching"] = feature_matching(
                tf.stop_gradient(real_outputs[layer]), fake_outputs[layer], config.reduction
            )
        if "adversarial" in config.generator_weights:
            values["adversarial"] = nonsaturating_generator_loss(fake_outputs[-1])
        return values

    def _by_class(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Split a batch into one block per class."""
        return tf.split(images, self.config.classes)

    def _check_classes(self, batch: Batch) -> None:
        classes = self.config.classes
        if classes == 1:
            return
        count = batch["target"].shape[0]
        if "class_index" not in batch or (count is not None and count % classes):
            given = "no `class_index`" if "class_index" not in batch else f"{count} pairs"
            raise ValueError(
                f"A batch of {classes} classes must hold `class_index` and equally many pairs of "
                f"each. Got: {given}."
            )
        block = tf.shape(batch["class_index"])[0] // classes
        tf.debugging.assert_equal(
            batch["class_index"],
            tf.repeat(tf.range(classes), block),
            "`class_index` must rise in blocks of equal length.",
        )

    def _observe(self, name: str, real: tf.Tensor, fake: tf.Tensor):
        """Return the discriminator's features and logits for real and restored images."""
        discriminator = self.discriminators[name]
        if self.config.split_batches:
            return discriminator(real, training=True), discriminator(fake, training=True)
        outputs = discriminator(tf.concat([real, fake], axis=0), training=True)
        halves = [tf.split(output, 2, axis=0) for output in outputs]
        return [real_half for real_half, _ in halves], [fake_half for _, fake_half in halves]
