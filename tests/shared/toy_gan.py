"""The thinnest model that has all that a run must keep: batch norms and a discriminator.

For tests of the machinery of training, which is the same for every model. A run of it is several
times faster than one of a paper's, whose layers TensorFlow traces for seconds. Layers have names of
their own, as the hash of a run's weights knows them.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import tensorflow as tf

from tfdeblur.data.pipeline import DataConfig
from tfdeblur.layers.norms import batch_normalization
from tfdeblur.losses.pixel import squared_error
from tfdeblur.models.base import RestorationGAN, Term
from tfdeblur.models.config import ModelConfig
from tfdeblur.stack import keras
from tfdeblur.training.experiment import ExperimentConfig, TrainConfig, load_trained


@dataclass
class ToyConfig(ModelConfig):
    """A x4 network of two convolutions; `pixel` trains it alone, `full` with a discriminator."""

    name: str = "toy"
    channels: int = 3
    width: int = 4
    objective: str = "full"
    scale: int = 4
    halo: int = 1
    paper: str = "none"
    training_size: int = 8

    def validate(self):
        pass

    def build_generator(self):
        degraded = keras.Input((None, None, self.channels))
        x = keras.layers.Conv2D(self.width, 3, padding="same", use_bias=False, name="conv")(
            degraded
        )
        x = _activated(x)
        x = keras.layers.Conv2DTranspose(self.channels, 4, strides=4, name="enlarge")(x)
        restored = keras.layers.Activation("sigmoid", dtype="float32")(x)
        return keras.Model(degraded, restored, name="toy_generator")

    def build(self):
        image = keras.Input((None, None, self.channels))
        x = keras.layers.Conv2D(self.width, 4, strides=4, use_bias=False, name="conv")(image)
        x = keras.layers.GlobalAveragePooling2D()(_activated(x))
        logits = keras.layers.Dense(1, name="logits", dtype="float32")(x)
        judge = keras.Model(image, logits, name="toy_discriminator")
        judges = {"discriminator": judge} if self.objective == "full" else {}
        return Toy(self.build_generator(), judges)


def _activated(x):
    return keras.layers.ReLU()(batch_normalization("norm")(x))


class Toy(RestorationGAN):
    def generator_terms(self, batch, outputs):
        terms = {"pixel": Term(1.0, squared_error(batch["target"], outputs["restored"]))}
        for judge in self.discriminators.values():
            logits = judge(outputs["restored"], training=True)[:, 0]
            terms["adversarial"] = Term(0.01, tf.nn.softplus(-logits))
        return terms

    def discriminator_terms(self, name, batch, outputs):
        real, fake = (
            self.discriminators[name](images, training=True)[:, 0]
            for images in (batch["target"], outputs["restored"])
        )
        return {"cross_entropy": Term(1.0, tf.nn.softplus(-real) + tf.nn.softplus(fake))}


def toy_experiment(steps=4, **fields):
    """Return an experiment in float32 with a checkpoint every second step, `fields` its model's."""
    train = TrainConfig.quick(steps=steps)
    data = DataConfig(patch_size=32)
    config = ExperimentConfig("toy", ToyConfig(**fields), data=data, train=train)
    config.runtime.precision = "float32"
    return config


get_config = toy_experiment  # So that this file is an experiment's, too.


@contextlib.contextmanager
def eager_steps() -> Iterator[None]:
    """Run the steps of `fit` as Python: to trace one costs more than a run of a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "run_eagerly", property(lambda _: True, lambda *_: None))
        yield


def run_weights(workdir, which="latest"):
    """Return the weights of all networks of a run, as arrays."""
    networks = load_trained(workdir, which).model.networks
    return [array for network in networks.values() for array in network.get_weights()]
