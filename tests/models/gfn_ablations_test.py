"""Table 2's models of GFN: what each is made of, what it is trained by, and what that reaches."""

import functools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.models.gfn import VARIANTS, GFNConfig
from tfdeblur.stack import keras

# Parameters in the paper's sizes; SRResNet's with the statistics of its normalisations.
PARAMETERS = {
    "deblurring": 10_529_920,
    "deblurred_image": 38_659,
    "sr_features": 637_248,
    "gate": 79_680,
    "reconstruction": 924_931,
    "srresnet": 1_552_771,
    "fusion": 3 * 3 * 3 * 48 + 48,
}


class Row(NamedTuple):
    """A model: its parameters, and the modules that the gradient of each loss reaches."""

    parameters: int
    pixel: set[str]
    deblurring: set[str] = set()


DEBLURRED = {"deblurring", "deblurred_image"}
FEATURES = {"deblurring", "sr_features", "reconstruction"}
TABLE = {
    "srresnet": Row(1_552_771, {"srresnet"}),
    "model1": Row(12_121_350, {"srresnet", *DEBLURRED}, DEBLURRED),
    "model2": Row(12_121_350, {"srresnet", *DEBLURRED}),
    "model3": Row(12_122_694, {"srresnet", "fusion", *DEBLURRED}, DEBLURRED),
    "model4": Row(12_092_099, FEATURES),
    "model5": Row(12_130_758, FEATURES, DEBLURRED),
    "full": Row(12_210_438, {"gate", *FEATURES}, DEBLURRED),
}


def _tiny(variant: str, **fields) -> GFNConfig:
    blocks = {"deblurring_blocks": 1, "sr_blocks": 1, "reconstruction_blocks": 1}
    return GFNConfig(variant=variant, **{"width": 4, "gate_start_step": 0, **blocks, **fields})


@functools.cache
def _built(variant: str):
    keras.utils.set_random_seed(0)
    model = _tiny(variant).build()
    model.compile(keras.optimizers.Adam(1e-3))
    return model, model.network.get_weights()


def _model(variant: str):
    """A model with its first weights; building one takes a second."""
    model, weights = _built(variant)
    model.network.set_weights(weights)
    return model


def _images(*shape: int) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed=(1, 2))


def _batch(side=8, count=2):
    sides = {"degraded": side, "lr_sharp": side, "target": 4 * side}
    return {name: _images(count, each, each, 3) for name, each in sides.items()}


def _modules(network) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in network.layers if layer.weights}


@pytest.fixture(scope="module")
def srresnet():
    """In the published size."""
    return GFNConfig(variant="srresnet").build_generator().get_layer("srresnet")


def test_every_model_of_the_table_is_here():
    assert set(TABLE) == set(VARIANTS)


def test_parameters_of_the_modules(srresnet):
    """`gfn_test.py` counts the paper's own."""
    assert PARAMETERS["deblurring"] + PARAMETERS["deblurred_image"] == 10_568_579
    assert srresnet.count_params() == PARAMETERS["srresnet"]
    assert _model("model3").network.get_layer("fusion").count_params() == PARAMETERS["fusion"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_model_is_made_of_its_modules(variant):
    row, modules = TABLE[variant], _modules(_model(variant).network)
    assert set(modules) == row.pixel | row.deblurring
    assert sum(PARAMETERS[name] for name in modules) == row.parameters


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_and_what_their_gradients_reach(variant):
    row, model, batch = TABLE[variant], _model(variant), _batch()
    with tf.GradientTape(persistent=True) as tape:
        outputs = model.forward(batch)
        terms = model.generator_terms(batch, outputs)
        losses = {name: tf.reduce_mean(term.values) for name, term in terms.items()}
    assert {name: term.weight for name, term in terms.items()} == (
        {"pixel": 1.0, "deblurring": 0.5} if row.deblurring else {"pixel": 1.0}
    )
    assert set(outputs) == ({"restored", "lr_deblurred"} if row.deblurring else {"restored"})
    for name, loss in losses.items():
        gradients = {
            module: tape.gradient(loss, layer.trainable_variables)
            for module, layer in _modules(model.network).items()
        }
        reached = {
            module for module, each in gradients.items() if all(part is not None for part in each)
        }
        untouched = {
            module for module, each in gradients.items() if all(part is None for part in each)
        }
        assert reached == getattr(row, name)
        assert reached | untouched >= set(gradients) - {"deblurring"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_step_moves_every_weight(variant):
    model = _model(variant)
    before = model.network.get_weights()
    model.train_step(_batch())
    pairs = zip(model.network.weights, before, strict=True)
    still = tuple(variable.name for variable, old in pairs if np.array_equal(variable, old))
    assert still == model.config.unmoved_weights
    assert still == (("gate_switch/open:0",) if variant == "full" else ())


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"full"}))
def test_only_the_full_model_waits_for_a_gate(variant, monkeypatch):
    model = _model(variant)
    monkeypatch.setattr(model, "config", _tiny(variant, gate_start_step=5, alpha_end_step=3))
    assert model.phase_starts == ((0, 3) if TABLE[variant].deblurring else (0,))
    assert model.config.unmoved_weights == ()
    assert not any(map(model.resets_optimizers, range(len(model.phase_starts))))


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_size_goes_through(variant):
    restored = _model(variant).generator(_images(1, 7, 5, 3))
    assert restored.shape == (1, 28, 20, 3)
    assert restored.dtype == tf.float32


def test_model1_enlarges_the_deblurred_image():
    network = _model("model1").network
    outputs = network(_images(1, 8, 8, 3))
    enlarged = network.get_layer("srresnet")(outputs["lr_deblurred"])
    np.testing.assert_array_equal(outputs["restored"], enlarged)


def test_model2_deblurs_the_enlarged_image():
    """In high resolution, whose sides are multiples of 4: nothing is padded."""
    network, degraded = _model("model2").network, _images(1, 7, 5, 3)
    names = ("srresnet", "deblurring", "deblurred_image")
    srresnet, deblurring, deblurred_image = (network.get_layer(name) for name in names)
    restored = deblurred_image(deblurring(srresnet(degraded)))
    np.testing.assert_array_equal(network(degraded)["restored"], restored)


def test_model3_adds_images():
    network, degraded = _model("model3").network, _images(1, 8, 8, 3)
    outputs = network(degraded)
    phases = network.get_layer("fusion")(outputs["lr_deblurred"])
    added = outputs["restored"] - network.get_layer("srresnet")(degraded)
    scale = np.abs(outputs["restored"]).max()
    np.testing.assert_allclose(added, tf.nn.depth_to_space(phases, 4), atol=1e-5 * scale)


def test_feature_models_differ_by_gate_and_loss_alone():
    """Model 5 is the full model with a map of 1, model 4 the same without a deblurred image."""
    degraded = _images(1, 8, 8, 3)
    full = _model("full")
    weights = {variable.name: variable for variable in full.network.weights}
    full.network.get_layer("gate").get_layer("gate_switch").open.assign(0.0)
    for variant in ("model5", "model4"):
        model = _model(variant)
        for variable in model.network.weights:
            variable.assign(weights[variable.name])
        np.testing.assert_array_equal(model(degraded), full(degraded))


@pytest.mark.parametrize("variant", VARIANTS)
def test_halo_covers_the_reach(variant):
    """Kernels that average let no pixel in reach drop out by chance."""
    model = _model(variant)
    for variable in model.network.trainable_variables:
        if "kernel" in variable.name:
            variable.assign(tf.ones_like(variable) / np.prod(variable.shape[:-1]))
    halo = model.config.halo
    middle = halo // 4 * 4 + 4
    reach = 0
    for pixel in range(middle, middle + 4):
        degraded = tf.Variable(_images(1, 4, 2 * middle + 4, 3))
        with tf.GradientTape() as tape:
            output = model.generator(degraded)[:, :, 4 * pixel : 4 * pixel + 4]
        seen = np.flatnonzero(np.abs(tape.gradient(output, degraded)).sum(axis=(0, 1, 3)))
        reach = max(reach, pixel - seen[0], seen[-1] - pixel)
    # It counts a gate for the models without one, and SRResNet's pixels for model 2's grid.
    assert halo - 1 <= reach <= halo


def test_srresnet_as_published(srresnet):
    """1.5 M parameters: 33 normalisations, 16 blocks, one slope for each of 64 features."""
    trained = sum(np.prod(variable.shape) for variable in srresnet.trainable_variables)
    assert trained == 1_548_547
    norms = [layer for layer in srresnet.layers if "norm" in layer.name]
    slopes = [layer for layer in srresnet.layers if isinstance(layer, keras.layers.PReLU)]
    assert len(norms) == 33 and len(slopes) == 1 + 16 + 2
    assert {tuple(layer.alpha.shape) for layer in slopes} == {(1, 1, 64)}
    assert all(np.all(layer.alpha == 0.25) for layer in slopes)
    biased = [layer.name for layer in srresnet.layers if getattr(layer, "use_bias", False)]
    assert biased == [f"srresnet_{name}" for name in ("first", "up1", "up2", "image")]
    starts = {"first": (9 * 9 * 3, 1), "block16_conv2": (3 * 3 * 64, 1), "image": (9 * 9 * 64, 0.1)}
    for name, (inputs, share) in starts.items():
        kernel = srresnet.get_layer(f"srresnet_{name}").kernel.numpy()
        assert kernel.std() == pytest.approx(share * (2 / inputs) ** 0.5, rel=0.02)


def test_statistics_are_float32_under_mixed_precision():
    degraded, exact = _images(2, 8, 8, 3), _model("srresnet").network.get_layer("srresnet")
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        network = _tiny("srresnet").build_generator().get_layer("srresnet")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    network.set_weights(exact.get_weights())
    assert network(degraded, training=True).dtype == tf.float32
    assert {variable.dtype for variable in network.weights} == {tf.float32}
    norm = network.get_layer("srresnet_block1_conv1_norm")
    mean = norm.moving_mean / (1 - norm.momentum)  # The old one was 0.
    convolution = exact.get_layer("srresnet_block1_conv1").output
    features = keras.Model(exact.input, convolution)(degraded)
    np.testing.assert_allclose(mean, np.mean(features, axis=(0, 1, 2)), atol=0.01)


def test_srresnet_converts_to_tensorflow_lite_for_any_size():
    generator = _model("srresnet").generator
    converted = Converted(generator, (1, None, None, 3), generator.weights)
    degraded = _images(1, 7, 13, 3)
    np.testing.assert_allclose(converted(degraded), generator(degraded), atol=1e-4)
