"""Time a convolution after resampling against the equivalent strided one (WRFN, Table 3)."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfdeblur.layers.resampling import FORMS, resampling_convolution, strided_kernel
from tfdeblur.stack import keras


@dataclass(frozen=True)
class SpeedOptions:
    """The settings to measure; the defaults are the paper's.

    Attributes:
      kernel_sizes: sides of kernels in cells of the resampled grid, odd.
      strides: resampling factors, at least 1.
      sides: sides of square grey images in pixels, multiples of every stride.
      filters: channels of the result. Paper: not stated; here: those of WRFN's first layer.
      batch_size: images per batch. Paper: not stated.
      rounds: number of alternations between the two forms, at least 1.
      seed: seed of images and weights.
    """

    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    strides: tuple[int, ...] = (3, 5, 7, 9)
    sides: tuple[int, ...] = (315, 630, 1260)
    filters: int = 96
    batch_size: int = 1
    rounds: int = 10
    seed: int = 0

    def __post_init__(self):
        for name in ("filters", "batch_size", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Got: {getattr(self, name)}.")
        for name in ("kernel_sizes", "strides", "sides"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise ValueError(
                    f"`{name}` must hold positive numbers. Got: {getattr(self, name)}."
                )
        odd = [(side, stride) for side in self.sides for stride in self.strides if side % stride]
        if odd:
            side, stride = odd[0]
            raise ValueError(
                f"`sides` must be multiples of every stride. Got: {side} and a stride of {stride}."
            )


@dataclass(frozen=True)
class Speed:
    """The times of one setting, in seconds, and their ratios; above 1, resampling is faster.

    Attributes:
      forward, backward: time of the strided form / time of the resampled one; the median of the
        rounds' ratios.
      forward_seconds, backward_seconds: medians, by form.
    """

    kernel_size: int
    stride: int
    side: int
    forward: float
    backward: float
    forward_seconds: dict[str, float]
    backward_seconds: dict[str, float]


def measure_resampling_speed(options: SpeedOptions) -> list[Speed]:
    """Measure every setting, kernel sizes first, as in Table 3; one row for each side.

    The forms alternate, so that a temporary slowdown of the machine affects both. The backward pass
    computes the gradients of both the images and the weights, as Torch's `backward` does.
    """
    settings = [
        (kernel_size, stride, side)
        for kernel_size in options.kernel_sizes
        for stride in options.strides
        for side in options.sides
    ]
    return [
        _measure(options, *setting)
        for setting in tqdm(settings, desc="measure", unit="setting", disable=None)
    ]


def make_forms(
    kernel_size: int, stride: int, filters: int, seed: int = 0
) -> dict[str, keras.Model]:
    """Build the convolution in both forms with the same weights.

    Returns:
      By form: grey images `[B, H, W, 1]`, sides multiples of `stride`, ->
      `[B, H / stride, W / stride, filters]`.
    """
    kernel = np.random.default_rng(seed).normal(size=(kernel_size, kernel_size, stride**2, filters))
    kernel = (kernel / (kernel_size * stride)).astype(np.float32)
    models = {}
    for form in FORMS:
        images = keras.Input((None, None, 1))
        outputs = resampling_convolution(images, filters, kernel_size, stride, form, name="conv")
        models[form] = keras.Model(images, outputs)
        own = strided_kernel(kernel, stride) if form == "strided" else kernel
        models[form].set_weights([own, np.zeros(filters, np.float32)])
    return models


def _measure(options: SpeedOptions, kernel_size: int, stride: int, side: int) -> Speed:
    rng = np.random.default_rng(options.seed)
    images = rng.uniform(size=(options.batch_size, side, side, 1))
    cells = side // stride
    upstream = rng.normal(size=(options.batch_size, cells, cells, options.filters))
    tensors = [tf.constant(values, tf.float32) for values in (images, upstream)]
    models = make_forms(kernel_size, stride, options.filters, options.seed)
    passes = {form: _passes(model, *tensors) for form, model in models.items()}
    forward, backward = (
        _take_turns({form: both[index] for form, both in passes.items()}, options.rounds)
        for index in (0, 1)
    )
    return Speed(
        kernel_size,
        stride,
        side,
        _ratio(forward),
        _ratio(backward),
        {form: statistics.median(times) for form, times in forward.items()},
        {form: statistics.median(times) for form, times in backward.items()},
    )


def _passes(
    model: keras.Model, images: tf.Tensor, upstream: tf.Tensor
) -> tuple[Callable[[], tf.Tensor], Callable[[], tf.Tensor]]:
    """Return the forward and the backward pass; each returns a scalar that depends on all of it."""

    # Arguments cannot be folded into the graph.
    @tf.function
    def forward(images: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(model(images))

    @tf.function
    def backward(images: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = model(images)
        # Nothing needs the outputs themselves, so TensorFlow drops the forward pass.
        sources = [images, *model.trainable_variables]
        gradients = tape.gradient(outputs, sources, output_gradients=upstream)
        return tf.add_n([tf.reduce_sum(gradient) for gradient in gradients])

    return lambda: forward(images), lambda: backward(images, upstream)


def _take_turns(
    functions: dict[str, Callable[[], tf.Tensor]], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each function's calls, without the first call, which traces it."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function().numpy()
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function().numpy()  # Waits for the device.
            times[name].append(time.perf_counter() - start)
    return times


def _ratio(times: dict[str, list[float]]) -> float:
    pairs: Iterable[tuple[float, float]] = zip(
        times["strided"], times["space_to_depth"], strict=True
    )
    return statistics.median(strided / resampled for strided, resampled in pairs)
