"""A moving average of a run's weights, which is validated and exported in their place.

An exponential moving average smooths out single steps; adversarial objectives, which never settle,
gain most. By hand, as `tf.train.ExponentialMovingAverage` cannot be checkpointed.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfdeblur.stack import keras

WARM_UP = 10  # Shortens the average's lag in the first steps, when it has seen few weights.


class AveragedWeights(tf.Module):
    """The moving average of a network's trained weights; its other weights are copied unchanged.

    After step k: average += (1 - d) (weights - average), d = min(decay, (1 + k) / (10 + k)).
    """

    def __init__(self, network: keras.Model, decay: float):
        """Start at the network's weights. Call this in the scope of the network's strategy."""
        super().__init__(name="average")
        self.decay = decay
        self._strategy = tf.distribute.get_strategy()
        self.weights = list(network.trainable_variables)
        self.averages = [
            tf.Variable(weight, trainable=False, name=weight.name.partition(":")[0])
            for weight in self.weights
        ]

    def start(self) -> None:
        """Copy the weights, before the first step."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign(weight)

    @tf.function(autograph=False)
    def update(self, step: tf.Tensor) -> None:
        """Fold in the weights after `step` finished steps."""
        step = tf.cast(step, tf.float32)
        share = 1 - tf.minimum(self.decay, (1 + step) / (WARM_UP + step))

        def move(average: tf.Variable, weight: tf.Tensor, share: tf.Tensor) -> None:
            average.assign_add(share * (weight - average))

        for average, weight in zip(self.averages, self.weights, strict=True):
            self._strategy.extended.update(average, move, args=(weight, share))

    def read(self, weights: Sequence[tf.Variable]) -> list[np.ndarray]:
        """Return the values of a network's weights, with averages in place of the trained ones."""
        average_of = {
            id(weight): average for weight, average in zip(self.weights, self.averages, strict=True)
        }
        return [average_of.get(id(weight), weight).numpy() for weight in weights]
