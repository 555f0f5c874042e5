"""WRFN: blind deblurring with a wide receptive field from the first layer, grey or per channel.

Jin, Hirsch and Favaro, "Learning Face Deblurring Fast and Wide", CVPRW 2018. Equation, figure,
table and section numbers refer to it. Where the paper leaves a choice:

- The loss is not stated: the mean squared error, from which its measure, PSNR, derives (`loss`).
- Fig. 3's residual block can be read in two ways. Its parameter count is certain: two biased
  convolutions, each with a normalisation, in the blending network's block too. Their order follows
  the same first author's next network (CVPR 2018), norm before convolution (`block_order`). That
  network also has a ReLU before its last convolutions; here they follow the blocks' sums directly,
  as no parameter indicates one.
- Whether the input is added to the output is not stated: it is, before un-resampling and at the
  end, as in that next network (`skip_resampled`, `skip_output`).
- Initial weights are not stated: kernels use Torch's default, U(-a, a) with a = fan-in^(-1/2), as
  the paper uses Torch; biases start at 0. With `zero_init_output` training starts at the identity.
- §4.2 prints 5s + 4bs + 4 for the receptive field, but its numbers, 193 and 204, are those of
  5s + 4bs + 8: four 3x3 convolutions widen it by 8.
"""

from dataclasses import dataclass

import tensorflow as tf

from tfdeblur.layers import resampling
from tfdeblur.layers.initializers import torch_uniform
from tfdeblur.layers.instance_norm import instance_normalization
from tfdeblur.layers.norms import batch_normalization
from tfdeblur.layers.padding import CropToImages, PadToMultiple
from tfdeblur.layers.resampling import DepthToSpace, resampling_convolution
from tfdeblur.losses.pixel import reduce_sample, squared_error
from tfdeblur.models.base import Batch, Outputs, RestorationModel, Term
from tfdeblur.models.config import ModelConfig
from tfdeblur.rules import at_least, one_of
from tfdeblur.stack import keras

BLEND_WIDTH = 32  # §5.


@dataclass
class WRFNConfig(ModelConfig):
    """Every switch of the paper's experiments. The defaults are the paper's; see the module.

    Attributes:
      channels: of the training images (§5: grey). The network restores images with any number of
        channels, each channel separately with the same weights.
      stride: s, the resampling factor (§4.1).
      width: C, kernels of the deblurring network's layers.
      blocks: b, residual blocks of the deblurring network.
      norm: `in` (instance, eq. 2), `bn` (batch) or `none` (Table 1).
      swap: whether the 5x5 kernel is at the end of the deblurring network instead of its beginning,
        and the 3x3 kernel at the beginning (Table 1, "swap").
      block_order: `pre` (norm, ReLU, convolution, twice) or `post` (convolution, norm, ReLU,
        convolution, norm); in both, the block's input is added.
      resampling: of the first layer: `space_to_depth`, or the equivalent `strided` convolution
        (Table 3), whose kernel has another shape.
      skip_resampled: whether the blurry image is added to the deblurring network's output.
      skip_output: whether the blurry image is added to the restored one.
      zero_init_output: whether the last convolution starts at 0 where `skip_output` adds the blurry
        image to it. The first step then changes only that convolution.
      loss: `mse` or `l1`, in [0, 1].
    """

    name: str = "wrfn"
    channels: int = at_least(1, default=1)
    stride: int = at_least(1, default=5)
    width: int = at_least(1, default=96)
    blocks: int = at_least(1, default=8)
    norm: str = one_of(("in", "bn", "none"), default="in")
    swap: bool = False
    block_order: str = one_of(("pre", "post"), default="pre")
    resampling: str = one_of(resampling.FORMS, default="space_to_depth")
    skip_resampled: bool = True
    skip_output: bool = True
    zero_init_output: bool = True
    loss: str = one_of(("mse", "l1"), default="mse")

    scale = 1
    paper = "Jin et al., CVPRW 2018"
    training_size = 320  # §5

    @property
    def receptive_field(self) -> int | None:
        """Side of the receptive field as §4.2 counts it; instance norms see the whole image."""
        return receptive_field(self.stride, self.blocks)

    @property
    def halo(self) -> int | None:
        """Context in pixels on each side; None with instance norms, which see the whole image.

        The four blending convolutions reach 4 pixels, the deblurring network 2b + 3 cells of the
        resampled grid; the farthest pixel of the farthest cell lies s - 1 pixels beyond its first.
        """
        if self.norm == "in":
            return None
        return (2 * self.blocks + 3) * self.stride + 4 + self.stride - 1

    @property
    def size_multiple(self) -> int:
        """Any side works, but tiles must align with the resampled grid."""
        return 1 if self.halo is None else self.stride

    @property
    def unmoved_weights(self) -> tuple[str, ...]:
        """Biases before a norm, which removes them."""
        if self.norm == "none":
            return ()
        return {"pre": ("conv1/bias:0",), "post": ("conv1/bias:0", "conv2/bias:0")}[
            self.block_order
        ]

    def build_generator(self) -> keras.Model:
        """Build the network of Fig. 3. See `build_generator`."""
        self.validate()
        return build_generator(self)

    def build(self) -> RestorationModel:
        """Build the trainable model."""
        return WRFN(self, self.build_generator())


def receptive_field(stride: int, blocks: int) -> int:
    """Return the side of the receptive field as §4.2 counts it: 5s + 4bs + 8, 193 by default.

    The count omits the deblurring network's last convolution, which adds 2s, and the position of a
    pixel within its cell of the resampled grid; `WRFNConfig.halo` is exact.
    """
    return 5 * stride + 4 * blocks * stride + 8


def build_generator(config: WRFNConfig) -> keras.Model:
    """Build the network of Fig. 3: a deblurring network on the resampled image, and a blending one.

    `[B, H, W, C]` float32 in [0, 1] -> the same shape, float32, near [0, 1] but not clipped. Any H,
    W and C: sides are reflected up to multiples of the stride and cropped back, and each channel is
    restored separately, as an image of the batch.
    """
    degraded = keras.Input((None, None, None), name="degraded", dtype="float32")
    planes = _FoldChannels(name="fold")(degraded)
    blurry = PadToMultiple(config.stride, name="pad")(planes)
    sharper = _deblur(blurry, config)
    x = _convolution(BLEND_WIDTH, 3, "blend_first")(sharper)
    x = _residual_block(x, config, "blend_block")
    at_identity = config.skip_output and config.zero_init_output
    # float32, so that neither the image nor the residual added to it is rounded.
    x = keras.layers.Conv2D(
        1,
        3,
        padding="same",
        kernel_initializer="zeros" if at_identity else torch_uniform(),
        dtype="float32",
        name="blend_last",
    )(x)
    if config.skip_output:
        x = keras.layers.Add(dtype="float32", name="skip_output")([x, blurry])
    x = CropToImages(name="crop")((x, planes))
    restored = _UnfoldChannels(name="restored")((x, degraded))
    return keras.Model(degraded, restored, name="wrfn_generator")


def _deblur(blurry: tf.Tensor, config: WRFNConfig) -> tf.Tensor:
    """Resample, deblur and un-resample `[B, H, W, 1]`; H and W are multiples of the stride."""
    first, last = (3, 5) if config.swap else (5, 3)
    x = resampling_convolution(
        blurry,
        config.width,
        first,
        config.stride,
        config.resampling,
        torch_uniform(),
        name="deblur_first",
    )
    for number in range(1, config.blocks + 1):
        x = _residual_block(x, config, f"block{number}")
    x = _convolution(config.stride**2, last, "deblur_last")(x)
    x = DepthToSpace(config.stride, name="un_resample")(x)
    if config.skip_resampled:  # Equals adding the resampled images.
        x = keras.layers.Add(name="skip_resampled")([x, blurry])
    return x


def _residual_block(x: tf.Tensor, config: WRFNConfig, name: str) -> tf.Tensor:
    """Connect the block of Fig. 3 (b): two 3x3 convolutions that keep the number of channels."""
    width = x.shape[-1]
    branch = x
    for number in (1, 2):
        convolution = _convolution(width, 3, f"{name}_conv{number}")
        if config.block_order == "pre":
            branch = _normalize(branch, config.norm, f"{name}_norm{number}")
            branch = keras.layers.ReLU(name=f"{name}_relu{number}")(branch)
            branch = convolution(branch)
        else:
            branch = _normalize(convolution(branch), config.norm, f"{name}_norm{number}")
            if number == 1:
                branch = keras.layers.ReLU(name=f"{name}_relu{number}")(branch)
    return keras.layers.Add(name=f"{name}_add")([x, branch])


def _normalize(x: tf.Tensor, norm: str, name: str) -> tf.Tensor:
    if norm == "none":
        return x
    return (instance_normalization if norm == "in" else batch_normalization)(name)(x)


def _convolution(filters: int, kernel_size: int, name: str) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters, kernel_size, padding="same", kernel_initializer=torch_uniform(), name=name
    )


class _FoldChannels(keras.layers.Layer):
    """Turns each channel into an image: `[B, H, W, C]` -> `[B * C, H, W, 1]`."""

    def __init__(self, name: str):
        super().__init__(name=name, trainable=False, autocast=False)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(images)
        return tf.reshape(tf.transpose(images, (0, 3, 1, 2)), (-1, shape[1], shape[2], 1))


class _UnfoldChannels(keras.layers.Layer):
    """Undoes the folding: (`[B * C, H, W, 1]`, the images that were folded) -> `[B, H, W, C]`."""

    def __init__(self, name: str):
        super().__init__(name=name, trainable=False, autocast=False)

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        planes, images = inputs
        shape = tf.shape(images)
        unfolded = tf.reshape(planes, (shape[0], shape[3], shape[1], shape[2]))
        return tf.ensure_shape(tf.transpose(unfolded, (0, 2, 3, 1)), images.shape)


class WRFN(RestorationModel):
    """The generator and its loss."""

    def __init__(self, config: WRFNConfig, generator: keras.Model):
        super().__init__(generator)
        self.config = config

    def generator_terms(self, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return the mean squared or mean absolute error."""
        target, restored = batch["target"], outputs["restored"]
        if self.config.loss == "mse":
            return {"pixel": Term(1.0, squared_error(target, restored))}
        return {"pixel": Term(1.0, reduce_sample(tf.abs(restored - target), "mean"))}
