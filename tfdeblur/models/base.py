"""The models that `fit` trains: one train step for every objective of every paper.

A paper's file subclasses `RestorationModel` or `RestorationGAN` and states its objective in hooks
that return `Term`s: per-sample values with their weights. The step reduces them in one place, by
the mean over the global batch in float32, so gradients do not depend on the number of replicas.
A batch may be split into micro-batches that run one after another and whose gradients are averaged.
This trades time for memory; with discriminators it costs a second forward pass.

Training phases switch Python attributes, not graph branches: the trainer enters a phase between two
steps and retraces the train step. An optimizer fed with zeros would keep moving weights, and one
inside a `tf.cond` fails with more than one replica.
"""

import bisect
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

import tensorflow as tf

from tfdeblur.images.tensors import Batch
from tfdeblur.layers.micro_batches import mean_over_micro_batches, micro_batches
from tfdeblur.stack import keras

Outputs = dict[str, tf.Tensor]  # What a network returns, by name; always holds `restored`.
# Gradients in the order of the variables, None where no term depends on one; and logs by name.
Gradients = tuple[list[tf.Tensor | None], dict[str, tf.Tensor]]


class Term(NamedTuple):
    """One term of an objective: `weight` times the global mean of `values`, float32 `[B]`."""

    weight: float
    values: tf.Tensor


class RestorationModel(keras.Model):
    """Trains a network to restore `target` from `degraded`.

    The generator maps `[B, H, W, C]` float32 in [0, 1] to `[B, scale * H, scale * W, C]` float32 in
    [0, 1] (a linear one may leave it) and is the only part that is exported.

    Attributes:
      generator: the network that restores; one input, one output.
      network: the network that is trained: the generator, or a model that shares its layers and
        has additional outputs or weights.
      discriminators: by name; empty in a model without an adversarial term.
      discriminator_updates: n_critic; a step's batch holds this many batches of equal length. Each
        updates the discriminators; the last also updates the network. 1 without discriminators.
      micro_batches: number of equal parts that the batch of an update is split into. Operations
        across samples (batch norms, negatives of a triplet) see only the samples of one part.
    """

    discriminator_updates: int = 1
    micro_batches: int = 1

    def __init__(
        self,
        generator: keras.Model,
        discriminators: Mapping[str, keras.Model] = {},
        network: keras.Model | None = None,
    ):
        super().__init__(name=generator.name.replace("generator", "model"))
        self.generator = generator
        self.network = generator if network is None else network
        self.discriminators = dict(discriminators)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizers: Mapping[str, keras.optimizers.Optimizer] = {},
    ) -> None:
        """Attach one optimizer to each network, create its slots and enter phase 0.

        The slots exist before the first step, so a checkpoint restores into all of them.

        Args:
          generator_optimizer: of `network`.
          discriminator_optimizers: by the discriminators' names.

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
        self.generator_optimizer.build(self.network.trainable_variables)
        self.discriminator_optimizers = {}
        for name, optimizer in discriminator_optimizers.items():
            self.discriminator_optimizers[name] = _scaled(optimizer)
            self.discriminator_optimizers[name].build(self.discriminators[name].trainable_variables)
        self.enter_phase(0)

    @property
    def networks(self) -> dict[str, keras.Model]:
        """Every trained network by name: `network` and the discriminators."""
        return {"network": self.network, **self.discriminators}

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The optimizer of each of `networks`; the model must be compiled."""
        return {"network": self.generator_optimizer, **self.discriminator_optimizers}

    def training_only_weights(self) -> list[tf.Variable]:
        """Return the weights of `network` that the generator lacks, in the network's order."""
        exported = {id(weight) for weight in self.generator.weights}
        return [weight for weight in self.network.weights if id(weight) not in exported]

    @property
    def phase_starts(self) -> tuple[int, ...]:
        """Hook: steps at which a phase begins, from 0, none before its predecessor."""
        return (0,)

    def enter_phase(self, phase: int) -> None:
        """Hook: set, as Python attributes, everything that differs between phases.

        Called when a phase begins and when a run resumes within it, whatever the previous phase;
        the train step is retraced afterwards. Anything that changes the generator's output must be
        a non-trainable weight of the generator: exported models know no phases.
        """

    def resets_optimizers(self, phase: int) -> bool:
        """Hook: whether a phase starts with fresh optimizers. By default none does."""
        return False

    def phase_at(self, step: int) -> int:
        """Return the phase of the step that follows `step` finished steps."""
        return bisect.bisect_right(self.phase_starts, step) - 1

    def reset_optimizers(self) -> None:
        """Reset the slots and step counters of every optimizer to zero."""
        for optimizer in self.optimizers.values():
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            for variable in inner.variables:
                if variable is not inner.learning_rate:
                    variable.assign(tf.zeros_like(variable))

    def call(self, degraded: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Restore a batch; see the class."""
        return self.generator(degraded, training=training)

    def forward(self, batch: Batch) -> Outputs:
        """Hook: run the network in training mode. Networks with more outputs must override it.

        Returns:
          `restored` and any other outputs that the objective needs, by name.
        """
        return {"restored": self.generator(batch["degraded"], training=True)}

    def generator_terms(self, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return the network's objective by term name. Each paper must override it.

        Args:
          batch: the step's.
          outputs: of `forward`.
        """
        raise NotImplementedError(f"{type(self).__name__} must override `generator_terms`.")

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Update the discriminators on the current restorations, then the network.

        A weight that no term depends on does not move.

        Returns:
          The mean of each term, unweighted, the network's weighted sum as `loss` and the
          discriminators' as `discriminator_loss`, and the global norm of each network's gradients,
          before any clipping: `gradient_norm`, `discriminator_gradient_norm`. Float32 scalars for
          this batch; each replica returns its share of them.
        """
        if self.micro_batches == 1:
            logs: dict[str, tf.Tensor] = {}

            def judge(outputs: Outputs) -> None:
                logs.update(self.train_discriminators(batch, outputs))

            gradients, own = self._gradients(batch, judge)
        else:
            logs = self.train_discriminators(batch)
            gradients, own = mean_over_micro_batches(self._gradients, batch, self.micro_batches)
        norm = _apply(self.generator_optimizer, gradients, self.network.trainable_variables)
        return {**own, "gradient_norm": norm, **logs}

    def _gradients(
        self, batch: Batch, before_terms: Callable[[Outputs], None] = lambda outputs: None
    ) -> Gradients:
        """Return the network's gradients, times the loss scale, and its logs."""
        with tf.GradientTape() as tape:
            outputs = self.forward(batch)
            with tape.stop_recording():
                before_terms(outputs)
            terms = self.generator_terms(batch, outputs)
            loss = objective(terms)
            scaled = _scale_loss(self.generator_optimizer, loss)
        gradients = tape.gradient(scaled, self.network.trainable_variables)
        return gradients, {"loss": loss, **term_means(terms)}

    def train_discriminators(
        self, batch: Batch, outputs: Outputs | None = None
    ) -> dict[str, tf.Tensor]:
        """Hook: update the discriminators; does nothing in a model without them."""
        return {}

    def sample_terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Return every term per sample, `[B]` by log name, to find bad samples.

        The batches and micro-batches of a step run one after another, as in training.
        """
        parts: list[dict[str, tf.Tensor]] = []
        for whole in _batches_of(batch, self.discriminator_updates):
            for part in micro_batches(whole, self.micro_batches):
                with tf.control_dependencies(list(parts[-1].values()) if parts else []):
                    terms = self._all_terms(cast(Batch, part))
                parts.append({name: term.values for name, term in terms.items()})
        return {name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]}

    def _all_terms(self, batch: Batch) -> dict[str, Term]:
        return self.generator_terms(batch, self.forward(batch))


class RestorationGAN(RestorationModel):
    """A `RestorationModel` whose objective needs discriminators."""

    def discriminator_terms(self, name: str, batch: Batch, outputs: Outputs) -> dict[str, Term]:
        """Return discriminator `name`'s objective by term name. Each paper must override it."""
        raise NotImplementedError(f"{type(self).__name__} must override `discriminator_terms`.")

    def active_discriminators(self) -> tuple[str, ...]:
        """Hook: names of the discriminators that the current phase trains; all by default."""
        return tuple(self.discriminators)

    def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Update the discriminators on every batch in `batch`, the network on the last.

        Returns:
          As `RestorationModel.train_step`, for the last batch; the discriminators' logs are means
          over all batches.
        """
        *earlier, last = _batches_of(batch, self.discriminator_updates)
        gradients_of = self._discriminator_gradients
        if self.micro_batches == 1:
            gradients_of = tf.function(gradients_of, autograph=False)  # Traced once for all.
        before = []
        for part in earlier if self.active_discriminators() else ():
            found = mean_over_micro_batches(gradients_of, part, self.micro_batches)
            before.append(self._update_discriminators(*found))
        logs = super().train_step(last)
        if not before:
            return logs
        updates = [*before, logs]
        means = {
            name: tf.add_n([each[name] for each in updates]) / len(updates) for name in before[0]
        }
        return logs | means

    def train_discriminators(
        self, batch: Batch, outputs: Outputs | None = None
    ) -> dict[str, tf.Tensor]:
        """Update every active discriminator and leave the network unchanged.

        Args:
          batch: of the update.
          outputs: of `forward` on it, if already computed.

        Returns:
          `discriminator_loss`, the sum over the discriminators, each term and
          `discriminator_gradient_norm`; with several discriminators, terms and norms are named
          `<discriminator>_<term>` and `<discriminator>_gradient_norm`.
        """
        if not self.active_discriminators():
            return {}
        if outputs is None:
            gradients_of = self._discriminator_gradients
            found = mean_over_micro_batches(gradients_of, batch, self.micro_batches)
        else:
            found = self._discriminator_gradients(batch, outputs)
        return self._update_discriminators(*found)

    def _update_discriminators(
        self, gradients: list[tf.Tensor | None], logs: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Apply the gradients of `_discriminator_gradients`; return the logs with the norms."""
        logs = dict(logs)
        for name in self.active_discriminators():
            optimizer, variables = self._to_train(name)
            mine, gradients = gradients[: len(variables)], gradients[len(variables) :]
            prefix = name if len(self.discriminators) > 1 else "discriminator"
            logs[f"{prefix}_gradient_norm"] = _apply(optimizer, mine, variables)
        return logs

    def _to_train(self, name: str) -> tuple[keras.optimizers.Optimizer, Sequence[tf.Variable]]:
        return self.discriminator_optimizers[name], self.discriminators[name].trainable_variables

    def _discriminator_gradients(self, batch: Batch, outputs: Outputs | None = None) -> Gradients:
        """Return the gradients of the active discriminators, one after another, and the logs."""
        if outputs is None:
            outputs = self.forward(batch)
        gradients: list[tf.Tensor | None] = []
        logs: dict[str, tf.Tensor] = {"discriminator_loss": tf.constant(0.0)}
        for name in self.active_discriminators():
            optimizer, variables = self._to_train(name)
            with tf.GradientTape() as tape:
                terms = self.discriminator_terms(name, batch, outputs)
                loss = objective(terms)
                scaled = _scale_loss(optimizer, loss)
            gradients += tape.gradient(scaled, variables)
            logs["discriminator_loss"] += loss
            prefix = f"{name}_" if len(self.discriminators) > 1 else ""
            logs |= {f"{prefix}{term}": mean for term, mean in term_means(terms).items()}
        return gradients, logs

    def _all_terms(self, batch: Batch) -> dict[str, Term]:
        outputs = self.forward(batch)
        terms = dict(self.generator_terms(batch, outputs))
        for name in self.active_discriminators():
            prefix = f"{name}_" if len(self.discriminators) > 1 else ""
            for term, value in self.discriminator_terms(name, batch, outputs).items():
                terms[f"{prefix}{term}"] = value
        return terms


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


def _batches_of(batch: Batch, count: int) -> list[Batch]:
    """Cut a step's batch into `count` batches of equal length, in order."""
    if count == 1:
        return [batch]
    parts = {name: tf.split(value, count) for name, value in batch.items()}
    return [
        cast(Batch, {name: part[index] for name, part in parts.items()}) for index in range(count)
    ]


def _global_mean(values: tf.Tensor) -> tf.Tensor:
    """Return this replica's share of the global mean, as gradients are summed over replicas."""
    return tf.nn.compute_average_loss(tf.cast(values, tf.float32))


def _scaled(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Wrap for loss scaling under mixed_float16; Keras only wraps `compile(optimizer=)` itself."""
    if keras.mixed_precision.global_policy().name != "mixed_float16":
        return optimizer
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def _scale_loss(optimizer, loss: tf.Tensor) -> tf.Tensor:
    wrapped = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    return optimizer.get_scaled_loss(loss) if wrapped else loss


def _apply(
    optimizer,
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[tf.Variable],
) -> tf.Tensor:
    """Sum gradients over the replicas, apply them, and return a replica's share of their norm.

    The norm is 0 where dynamic loss scaling skips the update.
    """
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        gradients = optimizer.get_unscaled_gradients(gradients)
    pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    pairs = inner.aggregate_gradients(pairs)
    norm = tf.linalg.global_norm([gradient for gradient, _ in pairs])
    if inner is not optimizer:  # A loss scale that is too large just skips the update.
        left_out = tf.logical_not(tf.math.is_finite(norm)) & (optimizer.loss_scale > 1)
        norm = tf.where(left_out, 0.0, norm)
    optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
    return norm / tf.distribute.get_strategy().num_replicas_in_sync
