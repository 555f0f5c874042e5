"""A generator that is small enough to be exported many times."""

from dataclasses import dataclass

import numpy as np
import pytest

from tfdeblur.stack import keras


@dataclass
class SmallConfig:
    """A x`scale` generator with transposed convolutions and batch norm, as small as one can be."""

    name: str = "small"
    scale: int = 4
    channels: int = 3
    halo: int = 4
    size_multiple: int = 1
    minimum_size: int = 1
    fixed_input_size: int | None = None
    width: int = 8

    def build_generator(self) -> keras.Model:
        layers = keras.layers
        inputs = keras.Input((None, None, self.channels), dtype="float32")
        x = layers.Rescaling(2.0, -1.0)(inputs)
        stride = 2 if self.scale == 4 else 1
        for index in range(2):
            initializer = keras.initializers.HeNormal(seed=index)
            x = layers.Conv2DTranspose(
                self.width, 6, stride, "same", use_bias=False, kernel_initializer=initializer
            )(x)
            x = layers.BatchNormalization(dtype="float32")(x)
            x = layers.ReLU()(x)
        initializer = keras.initializers.HeNormal(seed=2)
        x = layers.Conv2D(self.channels, 5, padding="same", kernel_initializer=initializer)(x)
        x = layers.Activation("tanh", dtype="float32")(x)
        return keras.Model(inputs, layers.Rescaling(0.5, 0.5, dtype="float32")(x))


def trained_like(model_config: SmallConfig) -> keras.Model:
    """Build a generator whose norms have the statistics and gains of a trained one."""
    generator = model_config.build_generator()
    rng = np.random.default_rng(0)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.gamma.assign(rng.uniform(0.5, 1.5, shape))
            layer.beta.assign(rng.normal(0.0, 0.2, shape))
            layer.moving_mean.assign(rng.normal(0.0, 0.3, shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2.0, shape))
    return generator


@pytest.fixture
def small_config() -> SmallConfig:
    return SmallConfig()


@pytest.fixture(scope="session")
def make_small():
    """Return a function (field=value, ...) -> (config, generator)."""

    def make(**fields):
        model_config = SmallConfig(**fields)
        return model_config, trained_like(model_config)

    return make


@pytest.fixture(scope="session")
def check_images() -> list[np.ndarray]:
    """Ten smooth images of five sizes, with values over the whole range."""
    rng = np.random.default_rng(7)
    sizes = [(16, 16), (9, 20), (21, 12), (7, 7), (13, 18)] * 2
    coarse = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in sizes]
    return [
        image.repeat(2, axis=0).repeat(2, axis=1)[:h, :w]
        for image, (h, w) in zip(coarse, sizes, strict=True)
    ]
