"""Initial weights."""

from tfdeblur.stack import keras


def torch_uniform() -> keras.initializers.Initializer:
    """Return Torch's default, U(-a, a) with a = fan-in^(-1/2): variance 1 / (3 fan-in)."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
