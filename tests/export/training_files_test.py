"""Tests of tfdeblur.export.training_files."""

import io

import numpy as np

from tfdeblur.export.training_files import pack_weights, unpack_weights
from tfdeblur.stack import keras


def dense(units: int) -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])


def test_weights_come_back_by_name_and_in_order():
    discriminators = {"page": dense(2), "line": dense(5)}
    unpacked = unpack_weights(
        pack_weights({name: d.get_weights() for name, d in discriminators.items()})
    )
    assert sorted(unpacked) == ["line", "page"]
    for name, discriminator in discriminators.items():
        for half, exact in zip(unpacked[name], discriminator.get_weights(), strict=True):
            assert half.dtype == np.float32
            np.testing.assert_allclose(half, exact, rtol=2**-11, atol=2**-25)


def test_weights_are_stored_in_float16_unless_they_are_out_of_its_range():
    discriminator = dense(1)
    discriminator.set_weights([np.full((3, 1), 0.5), np.array([1e6])])
    content = pack_weights({"page": discriminator.get_weights()})
    stored = np.load(io.BytesIO(content))
    assert stored["page/0000"].dtype == np.float16
    assert stored["page/0001"].dtype == np.float32
    assert unpack_weights(content)["page"][1] == [1e6]


def test_a_model_without_discriminators_has_an_empty_file():
    assert unpack_weights(pack_weights({})) == {}
