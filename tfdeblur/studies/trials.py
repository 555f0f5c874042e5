"""Trials of a whole experiment: network, objective, optimizers and data together.

A trial trains with the experiment's own train step and checks after each step that every term is
finite. On `fixed` pairs it shows that the whole can learn: a network that cannot fit four pairs
will not fit a data set. On fresh pairs it shows that training stays stable.
"""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import tensorflow as tf

from tfdeblur.data.pairs import ImagePair
from tfdeblur.data.pipeline import make_batches
from tfdeblur.evaluation.evaluate import score_pairs, summarise
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.images.tensors import to_uint8
from tfdeblur.models.base import Batch, RestorationModel
from tfdeblur.stack import keras
from tfdeblur.training.batch_stream import make_training_batches
from tfdeblur.training.callbacks import check_finite
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.runtime import configure
from tfdeblur.training.train import compile_model
from tfdeblur.training.validation import make_image_restore

EXTRACTORS = ("vgg19", "stand_in")


@dataclasses.dataclass(frozen=True)
class Report:
    """Results of a trial.

    Attributes:
      ranges: least and largest value of every term and loss.
      scores: of the fixed pairs, (finished steps, PSNR in dB), from step 0; empty on fresh pairs.
      baseline: PSNR in dB of the trivial baseline on the fixed pairs, bicubic or the degraded image
        itself; NaN on fresh pairs.
    """

    ranges: dict[str, tuple[float, float]]
    scores: list[tuple[int, float]]
    baseline: float

    @property
    def gain(self) -> float:
        """The last score minus the baseline, in dB."""
        return self.scores[-1][1] - self.baseline


def run_trial(
    config: ExperimentConfig,
    *,
    fixed: bool,
    extractor: str = "vgg19",
    score_every: int = 50,
    report: Callable[[str], None] = print,
) -> Report:
    """Train `config.train.steps` steps, on the first batch only or on the stream of batches.

    Args:
      config: the experiment. Its phases begin at its own steps.
      fixed: whether every step sees the first batch's pairs. A model that updates its critic
        several times per step sees them each time.
      extractor: of the perceptual loss: `vgg19` or `stand_in`; see `build_stand_in`.
      score_every: steps between scores of the fixed pairs.
      report: called with each line of progress.

    Returns:
      The ranges and scores.

    Raises:
      ValueError: a field of the experiment is out of its range.
      training.callbacks.NonFiniteError: a term is not finite, or at the end a weight is not.
    """
    config.validate()
    configure(config.runtime, config.seed)
    model = _build(config, extractor)
    pairs = _pairs(_first_batch(config)) if fixed else []
    ranges: dict[str, tuple[float, float]] = {}
    scores: list[tuple[int, float]] = []
    baseline = float("nan")
    for step, batch in enumerate(_batches(config, fixed)):
        if step in model.phase_starts:
            model.enter_phase(model.phase_at(step))
            train_step = tf.function(model.train_step, autograph=False)
        if fixed and step % score_every == 0:
            psnr, baseline = _score(model, config, pairs)
            scores.append((step, psnr))
            report(f"step {step}: {psnr:.2f} dB (baseline {baseline:.2f})")
        logs = {name: float(value) for name, value in train_step(batch).items()}
        check_finite(logs, step + 1)
        for name, value in logs.items():
            least, most = ranges.get(name, (value, value))
            ranges[name] = (min(least, value), max(most, value))
    check_finite(_largest_weights(model), config.train.steps)
    if fixed:
        psnr, baseline = _score(model, config, pairs)
        scores.append((config.train.steps, psnr))
    return Report(ranges, scores, baseline)


def build_stand_in() -> keras.Model:
    """Build a small frozen extractor for trials without VGG-19's weights: three random layers.

    Features of random convolutions keep an image's contents, so a loss on them can be minimised;
    they know nothing of ImageNet. Do not release a model trained with them.

    Returns:
      `[B, H, W, 3]` in [0, 1] -> a tuple of one `[B, ceil(H / 4), ceil(W / 4), 32]` float32.
    """
    image = x = keras.Input((None, None, 3), name="image", dtype="float32")
    for number, filters in enumerate((16, 32, 32)):
        x = keras.layers.Conv2D(
            filters,
            3,
            strides=2 if number else 1,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=number),
            dtype="float32",
        )(x)
    model = keras.Model(image, (x,), name="stand_in_extractor")
    model.trainable = False
    return model


def _build(config: ExperimentConfig, extractor: str) -> RestorationModel:
    if extractor not in EXTRACTORS:
        raise ValueError(f"`extractor` must be one of {EXTRACTORS}. Got: {extractor!r}.")
    if extractor == "vgg19":
        model = config.model.build()
    else:
        build = config.model.build
        if "extractor" not in inspect.signature(build).parameters:
            raise ValueError(
                "`extractor` must be 'vgg19' for a model without perceptual loss. "
                f"Got: {extractor!r} for {config.model.name}."
            )
        model = build(extractor=build_stand_in())  # type: ignore[call-arg]
    return compile_model(model, config)


def _first_batch(config: ExperimentConfig) -> Batch:
    batches = make_batches(
        config.data,
        split=config.data.train_split,
        batch_size=config.train.batch_size,
        seed=config.seed,
        steps=1,
        sub_batches=config.train.micro_batches,
    )
    return next(iter(batches))


def _batches(config: ExperimentConfig, fixed: bool) -> Iterator[Batch]:
    """Yield the steps' inputs, each joining as many batches as the model needs per step."""
    steps, updates = config.train.steps, config.model.discriminator_updates
    if fixed:
        batch = _first_batch(config)
        repeated = {name: tf.concat([value] * updates, axis=0) for name, value in batch.items()}
        yield from itertools.repeat(cast(Batch, repeated), steps)
        return
    yield from make_training_batches(config, seed=config.seed, steps=steps)


def _pairs(batch: Batch) -> list[ImagePair]:
    images = zip(to_uint8(batch["degraded"]), to_uint8(batch["target"]), strict=True)
    return [
        ImagePair(str(number), degraded.numpy(), target.numpy()).as_rgb()
        for number, (degraded, target) in enumerate(images)
    ]


def _score(
    model: RestorationModel, config: ExperimentConfig, pairs: list[ImagePair]
) -> tuple[float, float]:
    """Return the PSNR of the restored pairs and of the baseline, in dB."""
    scale = config.model.scale
    protocol = make_protocol("rgb", scale)
    restore = make_image_restore(model.generator, config.model.channels)
    summary = summarise(score_pairs(restore, pairs, scale, protocol), scale, protocol)
    return summary["restored"]["psnr"], summary["baseline"]["psnr"]


def _largest_weights(model: RestorationModel) -> dict[str, float]:
    return {
        f"largest weight of {name}": max(
            float(np.abs(weight).max()) for weight in network.get_weights() if weight.size
        )
        for name, network in model.networks.items()
    }
