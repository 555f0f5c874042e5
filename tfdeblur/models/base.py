"""The models that `fit` trains: one train step for every objective of every paper.

A paper's file subclasses `RestorationModel` or `RestorationGAN` and states its objective in hooks
that return `Term`s: per-sample values with their weights. The step reduces them in one place, by
the mean over the global batch in float32, so that the number of replicas changes no gradient.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypedDict

import keras
import tensorflow as tf


class Batch(TypedDict):
    """What a model is trained on.

    `degraded` is `[B, h, w, C] float32 in [0, 1]`, `target` `[B, scale * h, scale * w, C]` alike.
    """

    degraded: tf.Tensor
    target: tf.Tensor


class Term(NamedTuple):
    """One term of an objective: `weight` times the global mean of `values`, float32 `[B]`."""

    weight: float
    values: tf.Tensor


class ModelConfig(Protocol):
    """What training, evaluation and export read from a paper's config, a mutable dataclass."""

    name: str
    channels: int

    @property
    def scale(self) -> int:
        """How many times larger the restored image is."""

    @property
    def halo(self) -> int:
        """Context in degraded pixels, on each side, that one restored pixel depends on."""

    @property
    def size_multiple(self) -> int:
        """Sides of a degraded image must be multiples of this."""

    @property
    def minimum_size(self) -> int:
        """Smallest side of a degraded image."""

    @property
    def minimum_batch_size(self) -> int:
        """Smallest batch that the objective is defined on."""

    @property
    def target_size(self) -> int | None:
        """Side of the targets that the objective is defined on; None: any."""

    def validate(self) -> None:
        """Raise ValueError for a field outside its range."""

    def build_generator(self) -> keras.Model:
        """Build the network that is trained and exported."""

    def build(self) -> "RestorationModel":
        """Build the trainable model: generator, discriminators, objective."""


class RestorationModel(keras.Model):
    """Trains a generator to restore `target` from `degraded`.

    The generator maps `[B, H, W, C]` float32 in [0, 1] to `[B, scale * H, scale * W, C]` float32 in
    [0, 1] and is the only part that is exported.

    Attributes:
      generator: the network that restores.
      discriminators: by name; empty in a model without an adversarial term.
    """

    def __init__(self, generator: keras.Model, discriminators: Mapping[str, keras.Model] = {}):
        super().__init__(name=generator.name.replace("generator", "model"))
        self.generator = generator
        self.discriminators = dict(discriminators)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizers: Mapping[str, keras.optimizers.Optimizer] = {},
    ) -> None:
        """Attach one optimizer to each network and create its slots.

        Slots exist before the first step, so that a checkpoint restores into all of them.

        Raises:
          ValueError: the optimizers' names differ from the discriminators'.
        """
        if set(discriminator_optimizers) != set(self.discriminators):
            raise ValueError(
                "`discriminator_optimizers` must name every discriminator "
                f"{sorted(self.discriminators)}. Got: {sorted(discriminator_optimizers)}."
            )
        super().compile()
        self.generator_optimizer = _scaled(generator_optimizer)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizers = {}
        for name, optimizer in discriminator_optimizers.items():
            self.discriminator_optimizers[name] = _scaled(optimizer)
            self.discriminator_optimizers[name].build(self.discriminators[name].trainable_variables)

    def call(self, degraded: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Restore a batch; see the class."""
        return self.generator(degraded, training=training)

    def generator_terms(self, batch: Batch, restored: tf.Tensor) -> dict[str, Term]:
        """Return the generator's objective by term name. A paper must override it."""
        raise NotImplementedError(f"{type(self).__name__} must override `generator_terms`.")

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Update the discriminators on the current restorations, then the generator.

        Returns:
          The mean of each term, unweighted, the generator's weighted sum as `loss` and the
          discriminators' as `discriminator_loss`: float32 scalars of this batch.
        """
        with tf.GradientTape() as tape:
            restored = self.generator(batch["degraded"], training=True)
            with tape.stop_recording():
                logs = self.train_discriminators(batch, restored)
            terms = self.generator_terms(batch, restored)
            loss = objective(terms)
            scaled = _scale_loss(self.generator_optimizer, loss)
        _apply(self.generator_optimizer, tape, scaled, self.generator.trainable_variables)
        return {"loss": loss, **term_means(terms), **logs}

    def train_discriminators(self, batch: Batch, restored: tf.Tensor) -> dict[str, tf.Tensor]:
        """Hook of the train step for models with discriminators; this one has none to train."""
        return {}


class RestorationGAN(RestorationModel):
    """A `RestorationModel` whose objective needs discriminators, updated once a step each."""

    def discriminator_terms(self, name: str, batch: Batch, restored: tf.Tensor) -> dict[str, Term]:
        """Return the objective of discriminator `name` by term name. A paper must override it."""
        raise NotImplementedError(f"{type(self).__name__} must override `discriminator_terms`.")

    def train_discriminators(self, batch: Batch, restored: tf.Tensor) -> dict[str, tf.Tensor]:
        """Update every discriminator; the generator is not touched."""
        logs: dict[str, tf.Tensor] = {}
        total = tf.constant(0.0)
        for name, discriminator in self.discriminators.items():
            optimizer = self.discriminator_optimizers[name]
            with tf.GradientTape() as tape:
                terms = self.discriminator_terms(name, batch, restored)
                loss = objective(terms)
                scaled = _scale_loss(optimizer, loss)
            _apply(optimizer, tape, scaled, discriminator.trainable_variables)
            total += loss
            logs |= term_means(terms)
        return {"discriminator_loss": total, **logs}


def objective(terms: Mapping[str, Term]) -> tf.Tensor:
    """Return the weighted sum of the terms' global means, a float32 scalar.

    Raises:
      ValueError: there is no term.
    """
    if not terms:
        raise ValueError("An objective must have at least one term. Got none.")
    return tf.add_n([term.weight * _global_mean(term.values) for term in terms.values()])


def term_means(terms: Mapping[str, Term]) -> dict[str, tf.Tensor]:
    """Return each term's global mean without its weight, for the logs."""
    return {name: _global_mean(term.values) for name, term in terms.items()}


def _global_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean over the global batch: this replica's share of it, as replicas' gradients are summed."""
    return tf.nn.compute_average_loss(tf.cast(values, tf.float32))


def _scaled(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Wrap for loss scaling under mixed_float16; Keras itself wraps only `compile(optimizer=)`."""
    if keras.mixed_precision.global_policy().name != "mixed_float16":
        return optimizer
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def _scale_loss(optimizer, loss: tf.Tensor) -> tf.Tensor:
    wrapped = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    return optimizer.get_scaled_loss(loss) if wrapped else loss


def _apply(optimizer, tape: tf.GradientTape, scaled_loss: tf.Tensor, variables) -> None:
    gradients = tape.gradient(scaled_loss, variables)
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
