"""Enhance-UNet: blind deblurring of faces by a U-Net in two stages, with a Wasserstein critic.

Qi, Guo, Li and Xiao, "Blind Face Images Deblurring with Enhancement", Multimedia Tools and
Applications 2020. Equation, figure and section numbers refer to it. Where its text leaves a choice:

- It gives no sizes. Here: two levels; 7x7 convolutions at both ends, 3x3 within, 4x4 transposed; 32
  kernels at full size. "All convolution layers have the same number of kernels" contradicts "the
  convolution layer doubles the number of feature maps"; here they double.
- A skip connection concatenates, and a 1x1 convolution halves the channels.
- A recurrent layer that "recycles twice" runs three times, with the same weights: h = f(x), then
  h = f(x + h) twice. A recurrent residual block is x + f(f(x)), an RRRB x + b(b(x)).
- The DRDBU connects "three RRRB" in the text but "3 RRDBs" in §4.1. Here it has RRDBs, as growth
  rate and residual scaling belong to them. Each is followed by a 1x1 convolution of all before it.
- The number of ResBlocks per level is not given: three, as for RRRBs.
- In the ablations the DRDBU is dropped, and two convolutions replace an RRRB or a ResBlock.
- Equations 3 and 4 print norms without a square; the text says squared, and means.
- The adversarial loss needs an unbounded critic, so it has no sigmoid; see `probability`. Its maps
  are averaged. The penalty weight 10 and five critic updates follow Kupyn et al. 2018 [20], whose
  code makes the five on one batch; here each has a batch of its own, as in Gulrajani et al. 2017.
- The weights of eq. 2 are set "according to method [20]", whose code uses Torch's VGG-19, so the
  features are in Torch's unit; see `losses.torch_vgg`. That code compares them before the ReLU and
  for images in [-1, 1]; here, as in §3.2.2, they are taken after it, and images are normalised as
  VGG-19 was trained.
- Initial weights are not stated: Keras' default (Glorot).
- Images are compared in [-1, 1] (tanh). Sides that the levels do not halve evenly, such as 150 px,
  are reflected.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfdeblur.images.tensors import to_signed
from tfdeblur.layers.blocks import (
    convolution_group,
    norm_relu,
    recurrent_convolution,
    residual_dense_blocks,
    scaled_sum,
)
from tfdeblur.layers.instance_norm import instance_normalization
from tfdeblur.layers.padding import CropToImages, PadToMultiple
from tfdeblur.layers.randomness import draw
from tfdeblur.losses.adversarial import (
    gradient_penalty,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from tfdeblur.losses.perceptual import perceptual_distance
from tfdeblur.losses.pixel import squared_error
from tfdeblur.losses.torch_vgg import build_torch_vgg19
from tfdeblur.models.base import Batch, Outputs, RestorationGAN, RestorationModel, Term
from tfdeblur.models.config import ModelConfig
from tfdeblur.rules import at_least, non_negative, one_of
from tfdeblur.stack import keras

Extractor = Callable[[tf.Tensor], Sequence[tf.Tensor]]
LEAK = 0.2
RECYCLES = 2  # §3.3 (3)
RRDBS = 3  # §4.1, as the two below.
GROWTH = 8
RESIDUAL_SCALE = 0.2
PERCEPTUAL_TAP = "block3_conv3"  # Relu3_3
MIXING_SEED = 1
# Kernel size, stride, kernels, instance norm; a 4x4 convolution to one channel follows.
CRITICS = {
    "paper": ((3, 1, 64, True), (4, 2, 128, True), (4, 2, 256, True), (4, 2, 512, True)),
    "patch70": ((4, 2, 64, False), (4, 2, 128, True), (4, 2, 256, True), (4, 1, 512, True)),
}


@dataclass
class EnhanceUnetConfig(ModelConfig):
    """Every switch of the paper's experiments. Defaults are the paper's, or see the module.

    Attributes:
      channels: of the image.
      width: kernels at full size; each level doubles them.
      levels: halvings of a side.
      rrrbs_per_level: RRRBs in the first stage, on each side of the U.
      resblocks_per_level: ResBlocks in the second stage, on each side of the U.
      use_em: whether there is an enhancement module: the DRDBU and the second stage.
      use_drdbu: whether the enhancement module begins with a DRDBU.
      use_rrrb: whether the first stage has RRRBs, or two convolutions in place of each.
      use_resblock: whether the second stage has ResBlocks, or two convolutions in place of each.
      critic: `paper` (§3.3: one flat and three strided convolutions, a receptive field of 48 px) or
        `patch70` (Isola et al. 2017 [14]: 70 px).
      content_weight: alpha of eq. 2.
      perceptual_weight: beta of eq. 2. 0 needs no VGG-19.
      adversarial_weight: sigma of eq. 2. 0 needs no critic.
      gradient_penalty_weight: lambda of eq. 5.
      discriminator_updates: critic updates per generator update.
      vgg_weights: `imagenet`, downloaded, or a file; see `losses.perceptual.build_vgg19`.
    """

    name: str = "enhance_unet"
    channels: int = at_least(1, default=3)
    width: int = at_least(1, default=32)
    levels: int = at_least(1, default=2)
    rrrbs_per_level: int = at_least(1, default=3)
    resblocks_per_level: int = at_least(1, default=3)
    use_em: bool = True
    use_drdbu: bool = True
    use_rrrb: bool = True
    use_resblock: bool = True
    critic: str = one_of(CRITICS, default="paper")
    content_weight: float = non_negative(default=1.0)
    perceptual_weight: float = non_negative(default=10.0)
    adversarial_weight: float = non_negative(default=1.0)
    gradient_penalty_weight: float = non_negative(default=10.0)
    discriminator_updates: int = at_least(1, default=5)
    vgg_weights: str = "imagenet"

    scale = 1
    paper = "Qi et al., MTAP 2020"
    training_size = 150  # Random crops (§4.1).
    halo = None  # Instance norms make every pixel depend on the whole image.

    @property
    def perceptual_taps(self) -> tuple[str, ...]:
        """Layers of VGG-19 that the objective compares; none without a perceptual loss."""
        return (PERCEPTUAL_TAP,) if self.perceptual_weight else ()

    @property
    def unmoved_weights(self) -> tuple[str, ...]:
        """Weights that training does not change.

        Biases before an instance norm, which subtracts them, and the critic's last bias, which
        cancels in eq. 5.
        """
        normalised = (n for n, layer in enumerate(CRITICS[self.critic], 1) if layer[-1])
        return ("_group/bias:0", "scores/bias:0", *(f"critic{n}/bias:0" for n in normalised))

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule, or fields that do not fit together."""
        super().validate()
        weights = ("content_weight", "perceptual_weight", "adversarial_weight")
        if not any(getattr(self, field) for field in weights):
            raise ValueError(f"One of {weights} must be above 0. Got: 0 for all.")
        if self.perceptual_weight and self.channels != 3:
            raise ValueError(
                f"`channels` must be 3 for the perceptual loss. Got: {self.channels} with "
                f"`perceptual_weight` {self.perceptual_weight}."
            )
        if not self.adversarial_weight and self.discriminator_updates > 1:
            raise ValueError(
                "`discriminator_updates` must be 1 where `adversarial_weight` is 0 and there is no "
                f"critic. Got: {self.discriminator_updates}."
            )

    def build_generator(self) -> keras.Model:
        """Build the generator of Fig. 2a. See `build_generator`."""
        self.validate()
        return build_generator(self)

    def build(self, extractor: Extractor | None = None) -> RestorationModel:
        """Build the trainable model with the networks that its objective needs.

        Args:
          extractor: of the perceptual loss, `[B, H, W, 3]` in [0, 1] -> a sequence of
            features `[B, ...]`; by default VGG-19, loaded by `compile`.
        """
        generator = self.build_generator()
        if not self.adversarial_weight:
            return EnhanceUnet(self, generator, {}, extractor)
        critic = build_critic(self.channels, self.critic)
        return EnhanceUnet(self, generator, {"critic": critic}, extractor)


def build_generator(config: EnhanceUnetConfig) -> keras.Model:
    """Build the generator of Fig. 2a.

    `[B, H, W, channels]` float32 in [0, 1] -> the same shape and range, any H, W.
    """
    degraded = keras.Input((None, None, config.channels), name="degraded", dtype="float32")
    x = PadToMultiple(2**config.levels, name="pad")(degraded)
    x = keras.layers.Rescaling(2.0, -1.0, name="to_signed")(x)
    x = convolution_group(x, config.width, 7, name="head")
    block = _rrrb if config.use_rrrb else _two_convolutions
    x = _unet(x, config.levels, config.rrrbs_per_level, block, name="stage1")
    if config.use_em:
        if config.use_drdbu:
            x = _drdbu(x, name="drdbu")
        block = _resblock if config.use_resblock else _two_convolutions
        x = _unet(x, config.levels, config.resblocks_per_level, block, name="stage2")
    x = keras.layers.Conv2D(config.channels, 7, padding="same", name="tail")(x)
    x = keras.layers.Activation("tanh", dtype="float32", name="tanh")(x)
    x = CropToImages(name="crop")((x, degraded))
    restored = keras.layers.Rescaling(0.5, 0.5, dtype="float32", name="restored")(x)
    return keras.Model(degraded, restored, name="enhance_unet_generator")


def build_critic(channels: int, stack: str) -> keras.Model:
    """Build the discriminator of Fig. 2b, or the classical PatchGAN, as a critic without sigmoid.

    `[B, H, W, channels]` float32 in [-1, 1] -> a map of scores `[B, h, w, 1]` float32: for 150 px
    19x19 (`paper`) or 16x16 (`patch70`).
    """
    image = x = keras.Input((None, None, channels), name="image", dtype="float32")
    padding = "same" if stack == "paper" else "valid"
    for number, (size, stride, filters, norm) in enumerate(CRITICS[stack], 1):
        x = _bordered(x, stack, f"border{number}")
        x = keras.layers.Conv2D(filters, size, stride, padding, name=f"critic{number}")(x)
        if norm:
            x = instance_normalization(f"norm{number}")(x)
        x = keras.layers.LeakyReLU(LEAK, name=f"relu{number}")(x)
    x = _bordered(x, stack, "border")
    scores = keras.layers.Conv2D(1, 4, padding=padding, dtype="float32", name="scores")(x)
    return keras.Model(image, scores, name="enhance_unet_critic")


def _bordered(x, stack: str, name: str):
    """Pad by one pixel on each side whatever the stride, as the PatchGAN does."""
    return x if stack == "paper" else keras.layers.ZeroPadding2D(1, name=name)(x)


def _unet(x: tf.Tensor, levels: int, blocks: int, block: Callable, name: str):
    """Connect an encoder and its decoder; the output has the shape of `x`."""
    skips = []
    for level in range(1, levels + 1):
        skips.append(x)
        x = convolution_group(x, 2 * x.shape[-1], 3, strides=2, name=f"{name}_down{level}")
        for number in range(1, blocks + 1):
            x = block(x, f"{name}_encode{level}_{number}")
    for level in range(levels, 0, -1):
        skip = skips.pop()
        filters, up = skip.shape[-1], f"{name}_up{level}"
        for number in range(1, blocks + 1):
            x = block(x, f"{name}_decode{level}_{number}")
        x = keras.layers.Conv2DTranspose(filters, 4, 2, padding="same", name=f"{up}_group")(x)
        x = keras.layers.Concatenate(name=f"{up}_concat")([norm_relu(x, name=up), skip])
        x = keras.layers.Conv2D(filters, 1, name=f"{up}_fuse")(x)
    return x


def _two_convolutions(x: tf.Tensor, name: str):
    """Connect the replacement for an RRRB or a ResBlock in the ablations."""
    for number in (1, 2):
        x = convolution_group(x, x.shape[-1], 3, name=f"{name}_{number}")
    return x


def _resblock(x: tf.Tensor, name: str):
    """Add three groups to their input (§3.3 (1))."""
    y = x
    for number in (1, 2, 3):
        y = convolution_group(y, x.shape[-1], 3, name=f"{name}_{number}")
    return keras.layers.Add(name=f"{name}_sum")([x, y])


def _rrrb(x: tf.Tensor, name: str):
    """Add two recurrent residual blocks to their input (§3.3 (3))."""
    y = x
    for number in (1, 2):
        z = recurrent_convolution(y, RECYCLES, name=f"{name}_{number}_first")
        z = recurrent_convolution(z, RECYCLES, name=f"{name}_{number}_second")
        y = keras.layers.Add(name=f"{name}_{number}_sum")([y, z])
    return keras.layers.Add(name=f"{name}_sum")([x, y])


def _drdbu(x: tf.Tensor, name: str):
    """Add RRDBs, each fed by all before it, to their input (§3.3 (2), Fig. 3a)."""
    features, y = [x], x
    for number in range(1, RRDBS + 1):
        rrdb = residual_dense_blocks(y, GROWTH, RESIDUAL_SCALE, name=f"{name}_rrdb{number}")
        features.append(rrdb)
        y = keras.layers.Concatenate(name=f"{name}_concat{number}")(features)
        y = keras.layers.Conv2D(x.shape[-1], 1, name=f"{name}_fuse{number}")(y)
    return scaled_sum(x, y, RESIDUAL_SCALE, name=name)


class EnhanceUnet(RestorationGAN):
    """The generator, its critic and the objective of equations 2 to 5.

    Attributes:
      extractor: of the perceptual loss; None if there is none, or before `compile` unless given.
    """

    def __init__(
        self,
        config: EnhanceUnetConfig,
        generator: keras.Model,
        discriminators: Mapping[str, keras.Model],
        extractor: Extractor | None = None,
    ):
        super().__init__(generator, discriminators)
        self.config = config
        self.discriminator_updates = config.discriminator_updates
        self.extractor = extractor

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizers: Mapping[str, keras.optimizers.Optimizer] = {},
    ) -> None:
        """Load VGG-19 if the objective needs it, and prepare for training.

        VGG-19 is loaded only here, as restoring does not need it.

        Raises:
          losses.perceptual.PerceptualError: its weights are not available.
          ValueError: as `RestorationModel.compile`.
        """
        if self.config.perceptual_weight and self.extractor is None:
            self.extractor = build_torch_vgg19({PERCEPTUAL_TAP: 1.0}, self.config.vgg_weights)
        super().compile(generator_optimizer, discriminator_optimizers)

    def generator_terms(self, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return the terms of eq. 2 whose weight is not 0."""
        config = self.config
        target, restored = batch["target"], outputs["restored"]
        terms: dict[str, Term] = {}
        if config.content_weight:
            content = squared_error(to_signed(target), to_signed(restored))
            terms["content"] = Term(config.content_weight, content)
        if config.perceptual_weight:
            assert self.extractor is not None  # Set by `compile`.
            perceptual = perceptual_distance(self.extractor, target, restored)
            terms["perceptual"] = Term(config.perceptual_weight, perceptual)
        if config.adversarial_weight:
            scores = self.discriminators["critic"](to_signed(restored), training=True)
            adversarial = wasserstein_generator_loss(scores)
            terms["adversarial"] = Term(config.adversarial_weight, adversarial)
        return terms

    def discriminator_terms(self, name: str, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return the negative of eq. 5, which the critic maximises. The model must be compiled."""
        critic = self.discriminators[name]
        real = to_signed(batch["target"])
        fake = tf.stop_gradient(to_signed(outputs["restored"]))
        scores = critic(tf.concat([real, fake], axis=0), training=True)  # Samples are independent.
        terms = {"wasserstein": Term(1.0, wasserstein_critic_loss(*tf.split(scores, 2)))}
        weight = self.config.gradient_penalty_weight
        if weight:
            # The optimizer's counter is checkpointed, so a resumed run makes the same draws.
            update = self.discriminator_optimizers[name].iterations
            share = draw(tf.random.stateless_uniform, tf.shape(real)[:1], MIXING_SEED, update)
            penalty = gradient_penalty(critic, real, fake, share)
            terms["gradient_penalty"] = Term(weight, penalty)
        return terms

    def probability(self, images: tf.Tensor) -> tf.Tensor:
        """Return how real the critic finds images `[B, H, W, channels]` in [0, 1]: (0, 1), `[B]`.

        Applies the sigmoid of §3.3 to the critic's scores, for reports. The critic is trained
        without it, so 0.5 is not a decision boundary and only the order counts.
        """
        scores = self.discriminators["critic"](to_signed(images), training=False)
        return tf.reduce_mean(tf.sigmoid(scores), axis=(1, 2, 3))
