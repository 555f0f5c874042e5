"""Random draws inside a network in training, as pure functions of the step.

A draw depends on the run's seed, the layer's seed, the step number and the sample's index in the
global batch, but not on earlier draws, interruptions, or the number of replicas or micro-batches
that share the batch.
"""

from collections.abc import Callable

import tensorflow as tf

from tfdeblur.layers.micro_batches import current_part
from tfdeblur.stack import keras

_BETWEEN_RUNS = 1_000_003  # Layers' seeds are smaller.
_run_seed = 0


def seed_draws(seed: int) -> None:
    """Set the run's seed for every `draw` traced from now on."""
    global _run_seed
    _run_seed = seed


def draw(
    distribution: Callable[..., tf.Tensor], shape: tf.Tensor, seed: int, step: tf.Tensor
) -> tf.Tensor:
    """Draw for the samples of this replica.

    Args:
      distribution: `tf.random.stateless_uniform` or `tf.random.stateless_normal`.
      shape: int32, `[B, ...]` of this replica's samples; B is equal on all replicas.
      seed: distinguishes the draws of a step.
      step: integer scalar, the number of finished steps.

    Returns:
      float32 `shape`: this replica's and micro-batch's part of the draw that a single replica would
      make for the global batch.
    """
    context = tf.distribute.get_replica_context()  # None where Keras connects layers.
    replica = 0 if context is None else tf.cast(context.replica_id_in_sync_group, tf.int32)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    part = current_part()
    count = shape[0]
    whole = tf.concat([[part.parts * replicas * count], shape[1:]], axis=0)
    seeds = tf.constant(seed + _BETWEEN_RUNS * _run_seed, tf.int64)
    key = tf.stack([seeds, tf.cast(step, tf.int64)])
    first = (part.place * replicas + replica) * count
    return distribution(whole, key)[first : first + count]


class StepDropout(keras.layers.Layer):
    """Always sets random features to zero and scales up the others: wire it for training only.

    (`[B, ...]`, step `[1]`) -> `[B, ...]` of the first's dtype. Keras' Dropout draws from a state
    that checkpoints do not contain.
    """

    def __init__(self, rate: float, seed: int, name: str):
        """Build the layer.

        Args:
          rate: probability of zeroing a feature, at least 0 and below 1.
          seed: see `draw`.
          name: of the layer.

        Raises:
          ValueError: `rate` is out of range.
        """
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be at least 0 and below 1. Got: {rate}.")
        super().__init__(name=name, trainable=False)
        self.rate = rate
        self.seed = seed

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Drop features of a batch; see the class."""
        features, step = inputs
        drawn = draw(tf.random.stateless_uniform, tf.shape(features), self.seed, step[0])
        return tf.where(drawn >= self.rate, features / (1 - self.rate), tf.zeros_like(features))

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"rate": self.rate, "seed": self.seed, "name": self.name}


class StepNoise(keras.layers.Layer):
    """Adds Gaussian noise, independent for each value, to `[B, ...]` and keeps its dtype.

    Called with (features, step `[1]`), it uses `draw`'s noise; with features alone, the noise
    differs in each run of the graph.
    """

    def __init__(self, mean: float, std: float, seed: int, name: str):
        """Build the layer.

        Args:
          mean: of the noise, in the unit of the features.
          std: standard deviation of the noise, at least 0.
          seed: see `draw`.
          name: of the layer.

        Raises:
          ValueError: `std` is negative.
        """
        if std < 0:
            raise ValueError(f"`std` must be at least 0. Got: {std}.")
        super().__init__(name=name, trainable=False)
        self.mean = mean
        self.std = std
        self.seed = seed

    def call(self, inputs) -> tf.Tensor:
        """Add noise to a batch; see the class."""
        if isinstance(inputs, list | tuple):
            features, step = inputs
            drawn = draw(tf.random.stateless_normal, tf.shape(features), self.seed, step[0])
        else:
            features = inputs
            drawn = tf.random.normal(tf.shape(features))
        return features + tf.cast(self.mean + self.std * drawn, features.dtype)

    def get_config(self) -> dict:
        """Return the arguments that rebuild the layer."""
        return {"mean": self.mean, "std": self.std, "seed": self.seed, "name": self.name}
