"""Two-branch network: joint x8 super-resolution and deblurring of faces, 32 -> 256 px.

Yun, Jo and Park, "Joint Face Super-Resolution and Deblurring Using Generative Adversarial Network",
IEEE Access 2020. Equation, figure, table and section numbers refer to it; "code" is the authors'
released code. Where the paper leaves a choice or differs from its code:

- Widths, skips and norms follow Fig. 2 and the code: every convolution of the encoder, the decoders
  and the discriminators has a bias and, except the first and the last, a norm; the five-layer CNN
  has neither biases nor norms.
- Discriminators have seven convolutions and one output in the text (§III-C), but five and a map of
  outputs in Fig. 2 and the code (`patch5`). The default follows the text, which gives no sizes.
- D_g sees I_LRf beside the HR image, as eq. 2 says; §III-C says I_LR, of another size. D_l sees
  masked images, as §III-C says; eq. 3 omits the mask.
- Losses compare images in the network's own range [-1, 1], where a masked background is 0 (code).
  The L1 norms of eqs. 4 and 5 are means over all elements, under the mask too (code).
- The masked term of eq. 4 is active from the first step (code), before the local discriminator.
- Initial weights are not stated: kernels use Torch's default, U(-a, a) with a = fan-in^(-1/2), as
  in the code; biases start at 0.
- VGG-19's features are in the unit of Torch's, which the code uses; see `losses.torch_vgg`.
- An input of 16 px (Fig. 6) drops the innermost level of the encoder and of the lower decoder.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from tfdeblur.images.tensors import to_signed
from tfdeblur.layers import strided
from tfdeblur.layers.bicubic import BicubicUpscale
from tfdeblur.layers.inputs import FixedSize, Greyscale
from tfdeblur.layers.resampling import DepthToSpace
from tfdeblur.layers.strided_unet import StridedUnet
from tfdeblur.losses.adversarial import (
    least_squares_discriminator_loss,
    least_squares_generator_loss,
)
from tfdeblur.losses.perceptual import perceptual_distance
from tfdeblur.losses.pixel import reduce_sample
from tfdeblur.losses.torch_vgg import build_torch_vgg19
from tfdeblur.models.base import Batch, Outputs, RestorationGAN, RestorationModel, Term
from tfdeblur.models.config import ModelConfig
from tfdeblur.rules import at_least, non_negative, one_of, ruled
from tfdeblur.stack import keras

SCALE = 8
SHARED_LEVELS = 4  # Encoder levels shared by both branches (§III-B).
DROPOUT_LEVELS = (8, 7, 6)  # Of the lower decoder (code); 16 px have no level 8.
# Layers of VGG-19 in Keras' names, each with its weight.
VGG_TAPS = {
    "paper": {f"block{block}_pool": 1.0 for block in range(1, 6)},
    "code": {f"block{block}_conv1": 2.0**-power for block, power in enumerate((5, 4, 3, 2, 0), 1)},
}


@dataclass
class TwoBranchConfig(ModelConfig):
    """Every switch of the paper's experiments. The defaults are the paper's; see the module.

    Attributes:
      channels: of the images; the paper's are RGB.
      width: kernels of the first layers; deeper ones have up to 8 times as many.
      input_size: side of the degraded image in pixels, 32 or 16 (Fig. 6). The network accepts only
        this size and must be trained for each.
      use_upcnn: whether a five-layer CNN enlarges the input; else bicubic (Table 3, "Model 1").
      norm: `bn` (batch), or `in` (instance), which the code uses for batches of one, without gamma
        and beta and at the innermost level too.
      noise: whether Gaussian noise is added after every convolution that emits no image ("w/N",
        Fig. 9), in inference too, so restorations of the same image differ.
      noise_mean: mean of that noise. The code uses 1 and adds it elsewhere: to the input and after
        each concatenation, but not to the skips themselves; its `pixel_weight` is then 10.
      noise_std: standard deviation of that noise (code).
      grayscale_input: whether the network sees only the input's luma and colours it (Fig. 8).
      discriminators: `none` (Table 3, "Model 2"), `global` ("Model 3") or `global+local`.
      discriminator_type: `conv7` (§III-C) or `patch5` (Fig. 2, code); see the module.
      pixel_weight: lambda_1 of eq. 6.
      adversarial_weight: of L_GAN in eq. 6.
      perceptual_weight: lambda_2 of eq. 6. 0 needs no VGG-19.
      vgg_variant: `paper`: Pool1 to Pool5, unweighted (eq. 5); `code`: relu1_1 to relu5_1 with
        weights 1/32, 1/16, 1/8, 1/4, 1, of images that are not normalised.
      vgg_weights: `imagenet`, downloaded, or a file; see `losses.perceptual.build_vgg19`.
      local_start_step: number of finished steps after which the local discriminator joins; 200
        epochs (§IV) of 28,800 images in batches of 64.
    """

    name: str = "two_branch"
    channels: int = one_of((3,), default=3)
    width: int = at_least(1, default=64)
    input_size: int = one_of((32, 16), default=32)
    use_upcnn: bool = True
    norm: str = one_of(("bn", "in"), default="bn")
    noise: bool = False
    noise_mean: float = ruled("finite", math.isfinite, default=0.0)
    noise_std: float = non_negative(default=0.1)
    grayscale_input: bool = False
    discriminators: str = one_of(("none", "global", "global+local"), default="global+local")
    discriminator_type: str = one_of(("conv7", "patch5"), default="conv7")
    pixel_weight: float = non_negative(default=100.0)
    adversarial_weight: float = non_negative(default=1.0)
    perceptual_weight: float = non_negative(default=10.0)
    vgg_variant: str = one_of(("paper", "code"), default="paper")
    vgg_weights: str = "imagenet"
    local_start_step: int = at_least(0, default=90_000)

    scale = SCALE
    paper = "Yun et al., IEEE Access 2020"
    halo = None  # The innermost level sees the whole image.

    @property
    def training_size(self) -> int:
        """Side of the degraded images; the network accepts no other."""
        return self.input_size

    @property
    def size_multiple(self) -> int:
        """Sides are `input_size`, no other; see `fixed_input_size`."""
        return self.input_size

    @property
    def minimum_size(self) -> int:
        """Sides are `input_size`, no other; see `fixed_input_size`."""
        return self.input_size

    @property
    def fixed_input_size(self) -> int | None:
        """Side of the only images that the network accepts."""
        return self.input_size

    @property
    def minimum_batch_size(self) -> int:
        """Smallest batch: the innermost batch norm sees one value per sample."""
        return 2 if self.norm == "bn" else 1

    @property
    def target_size(self) -> int | None:
        """Side of the targets."""
        return SCALE * self.input_size

    @property
    def discriminator_names(self) -> tuple[str, ...]:
        """Discriminators that the objective needs, in order."""
        if self.discriminators == "none" or not self.adversarial_weight:
            return ()
        return tuple(self.discriminators.split("+"))

    @property
    def perceptual_taps(self) -> tuple[str, ...]:
        """Layers of VGG-19 that the objective compares; none without a perceptual loss."""
        return tuple(VGG_TAPS[self.vgg_variant]) if self.perceptual_weight else ()

    @property
    def unmoved_weights(self) -> tuple[str, ...]:
        """Biases before a norm, which removes them; the local discriminator until it joins."""
        still = ["_raw/bias:0"]
        if "local" in self.discriminator_names and self.local_start_step:
            layers = [f"local{n}{part}" for n in range(1, 8) for part in ("", "_raw", "_norm")]
            weights = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
            still += [f"{layer}/{weight}:0" for layer in layers for weight in weights]
        return tuple(still)

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule, or an objective without a term."""
        super().validate()
        if not (self.pixel_weight or self.perceptual_weight or self.discriminator_names):
            weights = ("pixel_weight", "adversarial_weight", "perceptual_weight")
            raise ValueError(f"One of {weights} must be positive. Got: no term.")

    def build_generator(self) -> keras.Model:
        """Build the part of Fig. 2 that restores. See `build_networks`."""
        return build_networks(self)[0]

    def build(self, extractor: Callable | None = None) -> RestorationModel:
        """Build the trainable model with the networks that its objective needs.

        Args:
          extractor: of the perceptual loss, `[B, H, W, 3]` in [0, 1] -> a list of features
            `[B, ...]`; by default VGG-19, which `compile` loads.
        """
        generator, network = build_networks(self)
        return TwoBranch(self, generator, network, extractor)


def build_networks(config: TwoBranchConfig) -> tuple[keras.Model, keras.Model]:
    """Build the generator of Fig. 2 twice: for restoring and for training.

    Returns:
      The generator: `[B, S, S, 3]` float32 in [0, 1] -> `[B, 8S, 8S, 3]` float32 in [0, 1], S being
      `input_size`. And the network: it shares the layers, has dropout, and takes the step, `[1]`
      int64, as a second input; it returns `restored` (I_HR) and `blurry` (I_HRB), both as above,
      and `upscaled` (I_LRf), of the same size, nominally in [-1, 1].
    """
    config.validate()
    degraded = keras.Input((None, None, 3), name="degraded", dtype="float32")
    step = keras.Input((), name="step", dtype="int64")
    noise = (config.noise_mean, config.noise_std) if config.noise else None
    unet = StridedUnet(config.width, config.norm, noise)
    images = _connect(config, unet, degraded, step)
    restored = _connect(config, unet, degraded, None)["restored"]
    return (
        keras.Model(degraded, restored, name="two_branch_generator"),
        keras.Model([degraded, step], images, name="two_branch_network"),
    )


def _connect(
    config: TwoBranchConfig, unet: StridedUnet, degraded: tf.Tensor, step: tf.Tensor | None
) -> Outputs:
    """Return the three images of Fig. 2; `step` is None for the network that restores."""
    x = unet.once(FixedSize(config.input_size, name="input"))(degraded)
    if config.grayscale_input:
        x = unet.once(Greyscale(name="luma"))(x)
    x = unet.once(keras.layers.Rescaling(2.0, -1.0, dtype="float32", name="to_signed"))(x)
    if config.use_upcnn:
        upscaled = _upcnn(config.width, unet, x, step)
    else:
        upscaled = unet.once(BicubicUpscale(SCALE, name="bicubic"))(x)
    skips = unet.encode(upscaled, int(math.log2(SCALE * config.input_size)), step)
    features = unet.decode("blurry", skips[:SHARED_LEVELS], (), step)
    sharp = unet.decode("restored", skips, DROPOUT_LEVELS, step)
    # §III-A: the upper branch's last features, I_f, join the lower one's.
    sharp = unet.once(keras.layers.Add(name="join"))([sharp, features])
    return {
        "restored": unet.emit("restored", sharp, skips[0]),
        "blurry": unet.emit("blurry", features, skips[0]),
        "upscaled": upscaled,
    }


def _upcnn(width: int, unet: StridedUnet, x: tf.Tensor, step: tf.Tensor | None) -> tf.Tensor:
    """Return I_LRf from five convolutions; each of the middle three doubles the size."""

    def convolve(x: tf.Tensor, filters: int, name: str, size: int = 3) -> tf.Tensor:
        return unet.once(strided.convolution(filters, name, size, strides=1, use_bias=False))(x)

    x = unet.disturb(convolve(x, width, "up1", size=9), "up1", step)
    for name in ("up2", "up3", "up4"):
        x = unet.leak(x, name)
        x = unet.disturb(convolve(x, 4 * width, name), name, step)
        x = unet.once(DepthToSpace(2, name=f"{name}_shuffle"))(x)
    x = convolve(unet.leak(x, "up5"), 3, "up5")
    return unet.once(keras.layers.Activation("linear", dtype="float32", name="upscaled"))(x)


def build_discriminator(config: TwoBranchConfig, name: str) -> keras.Model:
    """Build a discriminator; see the module.

    Args:
      config: its width, norm, input_size and discriminator_type.
      name: `global` (sees I_LRf and an HR image: 6 channels) or `local` (a masked HR image: 3).

    Returns:
      `[B, 8S, 8S, 6 or 3]` float32 in [-1, 1] -> logits float32, `[B, 1, 1, 1]` (conv7), or
      `[B, S - 2, S - 2, 1]` (patch5).
    """
    side = SCALE * config.input_size
    strides = {"conv7": (2,) * 6, "patch5": (2, 2, 2, 1)}[config.discriminator_type]
    return strided.build_discriminator(
        (side, side, 6 if name == "global" else 3),
        [config.width * min(8, 2**level) for level in range(len(strides))],
        strides,
        config.norm,
        prefix=name,
        one_logit=config.discriminator_type == "conv7",
        name=f"two_branch_{name}_discriminator",
    )


class TwoBranch(RestorationGAN):
    """The network, its discriminators and the objective of equations 1 to 6.

    Attributes:
      extractor: of the perceptual loss; None if there is none, or before `compile` unless given.
      local_is_on: whether the local discriminator trains and judges.
    """

    def __init__(
        self,
        config: TwoBranchConfig,
        generator: keras.Model,
        network: keras.Model,
        extractor: Callable | None,
    ):
        names = config.discriminator_names
        discriminators = {name: build_discriminator(config, name) for name in names}
        super().__init__(generator, discriminators, network)
        self.config = config
        self.extractor = extractor
        self.enter_phase(0)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizers: Mapping[str, keras.optimizers.Optimizer] = {},
    ) -> None:
        """Load VGG-19 if the objective needs it, and prepare for training.

        Raises:
          losses.perceptual.PerceptualError: its weights are not available.
          ValueError: as `RestorationModel.compile`.
        """
        if self.config.perceptual_weight and self.extractor is None:
            variant = self.config.vgg_variant
            self.extractor = build_torch_vgg19(
                VGG_TAPS[variant], self.config.vgg_weights, normalised=variant == "paper"
            )
        super().compile(generator_optimizer, discriminator_optimizers)

    @property
    def phase_starts(self) -> tuple[int, ...]:
        """0 and the step at which the local discriminator joins (§IV)."""
        start = self.config.local_start_step
        return (0, start) if "local" in self.discriminators and start else (0,)

    def enter_phase(self, phase: int) -> None:
        """Switch the local discriminator on in the last phase."""
        self.local_is_on = phase == len(self.phase_starts) - 1

    def active_discriminators(self) -> tuple[str, ...]:
        """Return the discriminators that train and judge in this phase."""
        return tuple(name for name in self.discriminators if name != "local" or self.local_is_on)

    def forward(self, batch: Batch) -> Outputs:
        """Return `restored`, `blurry` and `upscaled`; see `build_networks`.

        Raises:
          ValueError: the batch lacks images that the objective compares.
        """
        if {"hr_blurry", "face_mask"} - set(batch):
            raise ValueError(
                f"A batch must have `hr_blurry` and `face_mask`. Got: {', '.join(batch)}."
            )
        # Dropout and noise are keyed by the step, which does not exist before `compile`.
        optimizer = getattr(self, "generator_optimizer", None)
        step = tf.constant(0, tf.int64) if optimizer is None else optimizer.iterations
        return self.network([batch["degraded"], tf.reshape(step, [1])], training=True)

    def generator_terms(self, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return eq. 6, or the part of it that the config names."""
        config = self.config
        restored, upscaled = to_signed(outputs["restored"]), outputs["upscaled"]
        terms: dict[str, Term] = {}
        if config.pixel_weight:
            error = to_signed(batch["target"]) - restored
            errors = {
                "blurry_pixel": to_signed(batch["hr_blurry"]) - to_signed(outputs["blurry"]),
                "pixel": error,
                "face_pixel": batch["face_mask"] * error,
            }
            for name, values in errors.items():
                terms[name] = Term(config.pixel_weight, reduce_sample(tf.abs(values), "mean"))
        if config.perceptual_weight:
            assert self.extractor is not None  # Set by `compile`.
            values = perceptual_distance(
                self.extractor, batch["target"], outputs["restored"], "absolute"
            )
            terms["perceptual"] = Term(config.perceptual_weight, values)
        for name in self.active_discriminators():
            logits = self._judge(name, restored, upscaled, batch)
            values = least_squares_generator_loss(logits)
            terms[f"{name}_adversarial"] = Term(config.adversarial_weight, values)
        return terms

    def discriminator_terms(self, name: str, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return eq. 2 for `global`, eq. 3 for `local`."""
        upscaled = tf.stop_gradient(outputs["upscaled"])
        fake = tf.stop_gradient(to_signed(outputs["restored"]))
        real_logits = self._judge(name, to_signed(batch["target"]), upscaled, batch)
        fake_logits = self._judge(name, fake, upscaled, batch)
        values = least_squares_discriminator_loss(real_logits, fake_logits)
        return {"least_squares": Term(1.0, values)}

    def _judge(self, name: str, image: tf.Tensor, upscaled: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Return a discriminator's logits for an HR image in [-1, 1]."""
        if name == "global":
            seen = tf.concat([upscaled, image], axis=-1)
        else:
            seen = batch["face_mask"] * image
        return self.discriminators[name](seen, training=True)
