"""Random draws inside a network that is trained, as pure functions of the step.

A draw depends on the run's seed, the layer's, the number of the step and the sample's index in the
global batch: not on what was drawn before, on an interruption, or on how many replicas or
micro-batches share the batch.
"""

from collections.abc import Callable

import tensorflow as tf

from tfdeblur.layers.micro_batches import current_part
from tfdeblur.stack import keras

_BETWEEN_RUNS = 1_000_003  # A layer's seed is a smaller number.
_run_seed = 0


def seed_draws(seed: int) -> None:
    """Set the run's seed, for every `draw` that is traced from now on."""
    global _run_seed
    _run_seed = seed


def draw(
    distribution: Callable[..., tf.Tensor], shape: tf.Tensor, seed: int, step: tf.Tensor
) -> tf.Tensor:
    """Draw for the samples of this replica.

    Args:
      distribution: `tf.random.stateless_uniform` or `tf.random.stateless_normal`.
      shape: int32, `[B, ...]` of this replica's samples; every replica has as many.
      seed: tells one draw of a step from another.
      step: integer scalar, the number of finished steps.

    Returns:
      float32 `shape`: this replica's and micro-batch's part of what one replica would draw for the
      global batch at once.
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
    """Sets features to zero at random and scales up the others, always: wire it for training only.

    (`[B, ...]`, step `[1]`) -> `[B, ...]` of the first's dtype. Keras' own layer draws from a state
    that no checkpoint holds.
    """

    def __init__(self, rate: float, seed: int, name: str):
        """Build the layer.

        Args:
          rate: probability of a zero, at least 0 and below 1.
          seed: see `draw`.
          name: of the layer.

        Raises:
          ValueError: `rate` is out of its range.
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
        """Return the arguments that make the layer again."""
        return {"rate": self.rate, "seed": self.seed, "name": self.name}


class StepNoise(keras.layers.Layer):
    """Adds Gaussian noise, independent for each value, to `[B, ...]`; the result has its dtype.

    Called with (features, step `[1]`), the noise is `draw`'s; with features alone it is another in
    each run of the graph.
    """

    def __init__(self, mean: float, std: float, seed: int, name: str):
        """Build the layer.

        Args:
          mean: of the noise, in the unit of the features.
          std: its standard deviation, at least 0.
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
        """Return the arguments that make the layer again."""
        return {"mean": self.mean, "std": self.std, "seed": self.seed, "name": self.name}
