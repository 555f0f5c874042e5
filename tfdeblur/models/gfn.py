"""GFN: x4 super-resolution of blurry natural images with two branches fused by a gate.

Zhang, Dong, Hu, Lai, Wang and Yang, "Gated Fusion Network for Joint Image Deblurring and
Super-Resolution", BMVC 2018. Section, equation and table numbers refer to it; the supplement that
lists its layers was not available. Where the paper is silent, or differs from the authors' released
code (jacquelinelala/GFN), which has the published 12 M parameters:

- §3.1 has a strided convolution after each of three scales and two convolutions after the
  deconvolutions; here, as in the code, there are two and three. The super-resolution module has a
  first and a last convolution and a skip around its blocks, which §3.1 does not mention.
- Activations are the code's: many are ReLU, not LeakyReLU (§3.3). The gate's map is linear.
- Deconvolutions are initialised from the convolutions' Gaussian (§3.3: all parameters are), not
  from one of their own. Biases start at 0, as in the code.
- The weight of the deblurring loss is the code's 0.5 (`alpha`).
- Sides that are not multiples of 4 are padded by reflection and the result is cropped; the code
  resizes both bilinearly.
- Adam is reset when the gate opens. In the code the other weights keep their moments, but Keras
  has one step counter for all weights, so the gate's first steps would be three times as long.

Table 2's models, whose wiring and training were also in the supplement. From §4.3:

- `srresnet`: the published network (Ledig et al., CVPR 2017), batch normalisation included. §4.3
  gives it the deblurring loss, Table 2 does not; it has none, as it makes no deblurred image.
- `model1`, DB-first: the deblurring module's image goes through SRResNet. Loss (2).
- `model2`, SR-first: SRResNet's image goes through the deblurring module, in high resolution. Its
  deblurring loss (Table 2) is the loss on its only deblurred image, the restored one.
- `model3`, two branches fused as images: SRResNet's image plus the deblurred one, enlarged by a
  convolution and a pixel shuffle (the paper does not say how). Loss (2).
- `model5`, two branches fused as features: `full` with the gate's map fixed at 1. Loss (2).
- `model4`: `model5` without the deblurring loss, and so without the layers of its image.
"""

import functools
from dataclasses import dataclass

import tensorflow as tf

from tfdeblur.layers.padding import CropToImages, PadToMultiple
from tfdeblur.layers.resampling import DepthToSpace
from tfdeblur.layers.srresnet import build_srresnet
from tfdeblur.losses.pixel import squared_error
from tfdeblur.models.base import Batch, Outputs, RestorationModel, Term
from tfdeblur.models.config import ModelConfig
from tfdeblur.rules import at_least, non_negative, one_of
from tfdeblur.stack import keras

VARIANTS = ("full", "model1", "model2", "model3", "model4", "model5", "srresnet")
SUPERVISED = ("full", "model1", "model3", "model5")  # With a deblurred LR image in the loss.
SMALL = 0.1  # Initial share of its usual scale, for residuals and images.
SCALE = 4
LEAK = 0.2
STEPS_PER_EPOCH = 107_584 // 16  # §4.1: training triplets; §3.3: batch size.


@dataclass
class GFNConfig(ModelConfig):
    """Every switch of the paper's experiments. The defaults are the paper's.

    Attributes:
      channels: of the image.
      width: features of the first scale and of everything after the deblurring module; the second
        and third scales have two and four times as many.
      deblurring_blocks: residual blocks of each of the three scales.
      sr_blocks: residual blocks of the super-resolution features.
      reconstruction_blocks: residual blocks of the reconstruction. SRResNet has `sr_blocks` more.
      variant: `full`, or one of Table 2's models; see the module.
      release: version of the released code: `head`, the current one, or `v1`, the first, with 9x9
        instead of 7x7 in the super-resolution module and no activation after either branch's first
        convolution.
      initial_weights: standard deviation of the Gaussian that §3.3 names without one. `released`:
        sqrt(2 / (k k outputs)), as in the released code, whose first restorations are about ten
        thousand times too bright; `scaled`: sqrt(2 / (k k inputs)) (He et al. 2015), and a tenth
        of that for the last convolution of a residual block and for images.
      alpha: weight of the deblurring loss in eq. 2 (code); 0 builds nothing that only it needs.
      gate_start_step: step at which the gate opens and its training begins; until then its map is
        1 (§3.3: after 60 epochs). 0: from the start.
      alpha_end_step: step at which the deblurring loss ends, as in the last of the released code's
        three steps. 0: never.
    """

    name: str = "gfn"
    channels: int = at_least(1, default=3)
    width: int = at_least(1, default=64)
    deblurring_blocks: int = at_least(1, default=6)
    sr_blocks: int = at_least(1, default=8)
    reconstruction_blocks: int = at_least(1, default=8)
    variant: str = one_of(VARIANTS, default="full")
    release: str = one_of(("head", "v1"), default="head")
    initial_weights: str = one_of(("scaled", "released"), default="scaled")
    alpha: float = non_negative(default=0.5)
    gate_start_step: int = at_least(0, default=60 * STEPS_PER_EPOCH)
    alpha_end_step: int = at_least(0, default=0)

    scale = SCALE
    paper = "Zhang et al., BMVC 2018"
    training_size = 64  # LR patches (code; missing from the text): 256 px / 4.

    @property
    def halo(self) -> int:
        """Context in LR pixels on each side that one restored pixel depends on, at most.

        The deblurring module's features reach up to 15 + 14 `deblurring_blocks` pixels to the right
        and the bottom, depending on where a pixel lies on the grid of the coarsest scale.
        """
        deblurring = 15 + 14 * self.deblurring_blocks
        srresnet = 8 + 2 * (self.sr_blocks + self.reconstruction_blocks)
        features = max(deblurring, 5 + 2 * self.sr_blocks)
        fused = features + 3 + 2 * self.reconstruction_blocks
        return {
            "model1": deblurring + 2 + srresnet,
            "model2": -(-(deblurring + 2) // SCALE) + srresnet,
            "model3": max(deblurring + 3, srresnet),
            "srresnet": srresnet,
        }.get(self.variant, fused)

    @property
    def size_multiple(self) -> int:
        """Any LR side works, but tiles must align with the grid of the coarsest scale."""
        return 1 if self.variant in ("srresnet", "model2") else 4

    @property
    def unmoved_weights(self) -> tuple[str, ...]:
        """The gate's weights until it opens, and always its switch."""
        if self.variant != "full":
            return ()
        convolutions = [f"gate_conv{n}/{kind}:0" for n in (1, 2) for kind in ("kernel", "bias")]
        return ("gate_switch/open:0", *(convolutions if self.gate_start_step else ()))

    @property
    def deblurring_weight(self) -> float:
        """Weight of the deblurring loss in the first phase; 0 for a variant without one."""
        return self.alpha if self.variant in SUPERVISED else 0.0

    def build_generator(self) -> keras.Model:
        """Build the network that is exported. See `build_networks`."""
        return build_networks(self)[0]

    def build(self) -> RestorationModel:
        """Build the trainable model."""
        return GFN(self)


def build_networks(config: GFNConfig) -> tuple[keras.Model, keras.Model, keras.Model]:
    """Build the exported and the trained networks, which share their layers.

    All take `[B, H, W, C]` float32 in [0, 1], any H and W of at least 1; their outputs are linear.

    Returns:
      The generator -> restored `[B, 4H, 4W, C]` float32. Its gate has a switch, a non-trainable
      weight: when closed, the map is 1.
      The network with the gate -> `restored` and, where the deblurring loss needs it,
      `lr_deblurred` `[B, H, W, C]` float32, by name; and that network without the gate.
    """
    config.validate()
    degraded = keras.Input((None, None, config.channels), name="degraded", dtype="float32")
    if config.size_multiple == 1:
        gated, ungated = _wire(config, degraded)
    else:
        image = PadToMultiple(config.size_multiple, name="pad")(degraded)
        gated, ungated = (_crop(outputs, degraded) for outputs in _wire(config, image))
    generator = keras.Model(degraded, gated["restored"], name="gfn_generator")
    network = keras.Model(degraded, gated, name="gfn_network")
    return generator, network, keras.Model(degraded, ungated, name="gfn_ungated_network")


def _crop(outputs: Outputs, degraded: tf.Tensor) -> Outputs:
    scales = {"restored": SCALE, "lr_deblurred": 1}
    crops = {name: CropToImages(scales[name], name=f"crop_{name}") for name in outputs}
    return {name: crop((outputs[name], degraded)) for name, crop in crops.items()}


def _wire(config: GFNConfig, image: tf.Tensor) -> tuple[Outputs, Outputs]:
    """Build and connect the modules of a variant; return the outputs with and without the gate."""
    if config.variant in ("srresnet", "model1", "model2", "model3"):
        outputs = _wire_images(config, image)
        return outputs, outputs
    deblurring, first = _build_deblurring(config)(image)
    sr_features = _build_sr_features(config)(image)
    reconstruction = _build_reconstruction(config)
    outputs = {"restored": reconstruction(keras.layers.Add()([deblurring, sr_features]))}
    if config.deblurring_weight:
        outputs["lr_deblurred"] = _build_deblurred_image(config)([deblurring, first])
    if config.variant != "full":
        return outputs, outputs
    gate = _build_gate(config)([deblurring, image, sr_features])
    gated = keras.layers.Multiply()([gate, deblurring])  # Eq. 1.
    restored = reconstruction(keras.layers.Add()([gated, sr_features]))
    return outputs | {"restored": restored}, outputs


def _wire_images(config: GFNConfig, image: tf.Tensor) -> Outputs:
    """Build and connect SRResNet or a model whose modules pass images to each other."""
    blocks = config.sr_blocks + config.reconstruction_blocks
    initial = functools.partial(_gaussian, config)
    srresnet = build_srresnet(
        config.channels, config.width, blocks, initial, initial_image=initial(SMALL)
    )
    if config.variant == "srresnet":
        return {"restored": srresnet(image)}
    deblurring, deblurred_image = _build_deblurring(config), _build_deblurred_image(config)
    if config.variant == "model2":
        return {"restored": deblurred_image(deblurring(srresnet(image)))}
    deblurred = deblurred_image(deblurring(image))
    if config.variant == "model1":
        return {"restored": srresnet(deblurred), "lr_deblurred": deblurred}
    phases = _image_convolution(config, SCALE**2 * config.channels, "fusion")(deblurred)
    enlarged = DepthToSpace(SCALE, name="fusion_shuffle")(phases)
    fused = keras.layers.Add(dtype="float32")([srresnet(image), enlarged])
    return {"restored": fused, "lr_deblurred": deblurred}


def _build_deblurring(config: GFNConfig) -> keras.Model:
    """Build image `[B, H, W, C]` -> phi_DB and the first features, both `[B, H, W, width]`."""
    image, width = _input(config.channels), config.width
    first = x = _first_convolution(config, 7, "deblurring_first", image)
    for scale in (1, 2, 3):
        if scale > 1:
            down = _convolution(config, 2 * x.shape[-1], 3, f"deblurring_down{scale}", strides=2)
            x = _relu()(down(x))
        residual = _blocks(config, x, config.deblurring_blocks, 0.0, f"deblurring_scale{scale}")
        x = keras.layers.Add()([residual, x])
    for scale in (2, 1):
        initial = _gaussian(config, transposed=True)
        up = {"kernel_initializer": initial, "name": f"deblurring_up{scale}"}
        x = _relu()(keras.layers.Conv2DTranspose(width * scale, 4, 2, "same", **up)(x))
    features = _convolution(config, width, 7, "deblurring_features")(x)
    return keras.Model(image, [features, first], name="deblurring")


def _build_deblurred_image(config: GFNConfig) -> keras.Model:
    """Build deblurring features -> deblurred image `[B, H, W, C]` float32."""
    inputs = [_input(config.width), _input(config.width)]
    x = _relu()(_convolution(config, config.width, 3, "deblurred_conv")(keras.layers.Add()(inputs)))
    image = _image_convolution(config, config.channels, "deblurred_image")(x)
    return keras.Model(inputs, image, name="deblurred_image")


def _build_sr_features(config: GFNConfig) -> keras.Model:
    """Build image `[B, H, W, C]` -> super-resolution features phi_SR `[B, H, W, width]`."""
    image = _input(config.channels)
    size = 9 if config.release == "v1" else 7
    first = _first_convolution(config, size, "sr_first", image)
    x = _blocks(config, first, config.sr_blocks, LEAK, "sr")
    x = keras.layers.Add()([_convolution(config, config.width, 3, "sr_last")(x), first])
    return keras.Model(image, x, name="sr_features")


def _build_gate(config: GFNConfig) -> keras.Model:
    """Build (phi_DB, image, phi_SR) -> map `[B, H, W, width]`: a linear factor per feature."""
    inputs = [_input(config.width), _input(config.channels), _input(config.width)]
    x = _convolution(config, config.width, 3, "gate_conv1")(keras.layers.Concatenate()(inputs))
    x = _convolution(config, config.width, 1, "gate_conv2")(_relu(LEAK)(x))
    switch = GateSwitch(is_open=not config.gate_start_step, name="gate_switch")
    return keras.Model(inputs, switch(x), name="gate")


def _build_reconstruction(config: GFNConfig) -> keras.Model:
    """Build fused features `[B, H, W, width]` -> restored image `[B, 4H, 4W, C]` float32."""
    features, width = _input(config.width), config.width
    x = _blocks(config, features, config.reconstruction_blocks, 0.0, "reconstruction")
    slopes = (LEAK, LEAK) if config.release == "v1" else (0.1, LEAK)  # The paper: 0.2.
    for number, slope in enumerate(slopes, 1):
        x = _convolution(config, 4 * width, 3, f"reconstruction_up{number}")(x)
        x = _relu(slope)(DepthToSpace(2, name=f"reconstruction_shuffle{number}")(x))
    x = _relu(LEAK)(_convolution(config, width, 3, "reconstruction_conv")(x))
    image = _image_convolution(config, config.channels, "reconstruction_image")(x)
    return keras.Model(features, image, name="reconstruction")


class GateSwitch(keras.layers.Layer):
    """Passes the gate's map through when open; replaces it with ones when closed.

    Attributes:
      open: the switch, 1 or 0: a non-trainable weight, so exported networks contain it.
    """

    def __init__(self, is_open: bool, name: str):
        super().__init__(name=name)
        self._start = "ones" if is_open else "zeros"

    def build(self, input_shape) -> None:
        """Create the switch."""
        self.open = self.add_weight("open", (), initializer=self._start, trainable=False)

    def call(self, gate: tf.Tensor) -> tf.Tensor:
        """Pass through or replace `[B, H, W, C]`."""
        return tf.where(self.open > 0, gate, tf.ones_like(gate))


def _input(channels: int) -> keras.Input:
    return keras.Input((None, None, channels), dtype="float32")


def _first_convolution(config: GFNConfig, size: int, name: str, image: tf.Tensor) -> tf.Tensor:
    x = _convolution(config, config.width, size, name)(image)
    return x if config.release == "v1" else _relu(LEAK)(x)


def _relu(slope: float = 0.0) -> keras.layers.Layer:
    return keras.layers.ReLU(negative_slope=slope)


def _blocks(config: GFNConfig, x: tf.Tensor, count: int, slope: float, name: str) -> tf.Tensor:
    """Connect `count` residual blocks without normalisation (EDSR)."""
    width = x.shape[-1]
    for number in range(1, count + 1):
        block = f"{name}_block{number}"
        residual = _relu(slope)(_convolution(config, width, 3, f"{block}_conv1")(x))
        residual = _convolution(config, width, 3, f"{block}_conv2", share=SMALL)(residual)
        x = keras.layers.Add()([x, residual])
    return x


def _gaussian(
    config: GFNConfig, share: float = 1.0, transposed: bool = False
) -> keras.initializers.Initializer:
    """Return the Gaussian of `initial_weights`; only `scaled` uses the share."""
    released = config.initial_weights == "released"
    # Keras counts a transposed kernel's inputs, the last axis, as its fan-out.
    mode = "fan_out" if released != transposed else "fan_in"
    variance = 2.0 if released else 2.0 * share**2
    return keras.initializers.VarianceScaling(variance, mode, "untruncated_normal")


def _convolution(
    config: GFNConfig, filters: int, size: int, name: str, *, strides=1, share=1.0, dtype=None
) -> keras.layers.Layer:
    shared = {"kernel_initializer": _gaussian(config, share), "dtype": dtype, "name": name}
    return keras.layers.Conv2D(filters, size, strides, "same", **shared)


def _image_convolution(config: GFNConfig, filters: int, name: str) -> keras.layers.Layer:
    return _convolution(config, filters, 3, name, share=SMALL, dtype="float32")


class GFN(RestorationModel):
    """The networks of one variant, loss (2), and the phases of its training."""

    def __init__(self, config: GFNConfig):
        generator, gated, plain = build_networks(config)
        super().__init__(generator, network=gated)
        self.config = config
        self._plain = plain
        self.enter_phase(0)

    @property
    def phase_starts(self) -> tuple[int, ...]:
        """0 and the steps at which the gate opens and the deblurring loss ends."""
        config = self.config
        opens = config.gate_start_step if config.variant == "full" else 0
        ends = config.alpha_end_step if config.deblurring_weight else 0
        return tuple(sorted({0, opens, ends}))

    def enter_phase(self, phase: int) -> None:
        """Open or close the gate, and set the weight of the deblurring loss."""
        config, step = self.config, self.phase_starts[phase]
        self._gate_is_open = config.variant == "full" and step >= config.gate_start_step
        ended = 0 < config.alpha_end_step <= step
        self._alpha = 0.0 if ended else config.deblurring_weight
        if config.variant == "full":
            switch = self.network.get_layer("gate").get_layer("gate_switch")
            switch.open.assign(float(self._gate_is_open))

    def resets_optimizers(self, phase: int) -> bool:
        """Reset the optimizer when the gate's training begins; see the module."""
        opens = self.phase_starts[phase] == self.config.gate_start_step
        return phase > 0 and opens and self.config.variant == "full"

    def forward(self, batch: Batch) -> Outputs:
        """Return `restored` and, if the network makes it, `lr_deblurred`."""
        network = self.network if self._gate_is_open else self._plain
        return network(batch["degraded"], training=True)

    def generator_terms(self, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return loss (2).

        Raises:
          ValueError: the deblurring loss has a weight, but the batch has no `lr_sharp`.
        """
        terms = {"pixel": Term(1.0, squared_error(batch["target"], outputs["restored"]))}
        if self._alpha:
            if "lr_sharp" not in batch:
                raise ValueError(f"A batch must have `lr_sharp`. Got: {sorted(batch)}.")
            deblurring = squared_error(batch["lr_sharp"], outputs["lr_deblurred"])
            terms["deblurring"] = Term(self._alpha, deblurring)
        return terms
