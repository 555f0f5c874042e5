"""GFN against its paper: counts, shapes, receptive field, loss, gate and phases."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.layers.padding import PadToMultiple
from tfdeblur.models.base import objective
from tfdeblur.models.gfn import GFNConfig, build_networks
from tfdeblur.stack import keras
from tfdeblur_configs import gfn_gopro

GATE = ("gate_conv1/kernel:0", "gate_conv1/bias:0", "gate_conv2/kernel:0", "gate_conv2/bias:0")
HEAD = ("deblurred_conv/", "deblurred_image/")  # The layers of the deblurred image.


def _tiny(**fields) -> GFNConfig:
    """One block where the paper has six or eight; the gate is open from the start."""
    blocks = {"deblurring_blocks": 1, "sr_blocks": 1, "reconstruction_blocks": 1}
    return GFNConfig(**{"width": 2, "gate_start_step": 0, **blocks, **fields})


@functools.cache
def _shared(**fields):
    """A model of random weights for tests that do not change it."""
    keras.utils.set_random_seed(0)
    return _tiny(**fields).build()


def _images(*shape: int) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed=(1, 2))


def _batch(side=8, count=2):
    sides = {"degraded": side, "lr_sharp": side, "target": 4 * side}
    return {name: _images(count, each, each, 3) for name, each in sides.items()}


def _compiled(config: GFNConfig):
    keras.utils.set_random_seed(0)
    model = config.build()
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def _count(network) -> int:
    """Parameters that are trained: without the gate's switch."""
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def _moved(model, batch) -> dict[str, bool]:
    """Take a step; tell by name which weights of the network moved."""
    before = model.network.get_weights()
    model.train_step(batch)
    pairs = zip(model.network.weights, before, strict=True)
    return {variable.name: not np.array_equal(variable, old) for variable, old in pairs}


@pytest.fixture(scope="module")
def whole():
    """The paper's network: generator, with the gate, without."""
    return build_networks(GFNConfig())


def test_parameter_counts_of_the_paper(whole):
    generator, network, ungated = whole
    modules = {layer.name: _count(layer) for layer in network.layers if layer.trainable_variables}
    head = modules["deblurred_image"]
    assert modules["deblurring"] + head == 10_568_579
    assert modules["sr_features"] == 637_248
    assert modules["gate"] == 79_680
    assert modules["reconstruction"] == 924_931
    assert _count(network) == sum(modules.values()) == 12_210_438
    assert _count(ungated) == 12_130_758
    assert head == 9 * 64 * 64 + 64 + 9 * 64 * 3 + 3
    assert _count(generator) == 12_210_438 - head
    assert network.count_params() == 12_210_438 + 1  # The switch.


def test_first_release_has_a_larger_kernel_and_is_linear_at_first():
    """81 instead of 49 weights for each of 3 x 64: 6,144 more, 12,216,582. c1 may be negative."""
    assert 12_210_438 + (81 - 49) * 3 * 64 == 12_216_582
    head, first = (_shared(release=each).network for each in ("head", "v1"))
    assert _count(first) - _count(head) == (81 - 49) * 3 * 2
    image = 10.0 * _images(1, 8, 8, 3)
    for network, slope in ((head, 0.2), (first, 1.0)):
        deblurring = network.get_layer("deblurring")
        convolved = deblurring.get_layer("deblurring_first")(image)
        _, features = deblurring(image)
        np.testing.assert_allclose(features, np.maximum(convolved, slope * convolved), rtol=1e-5)
        assert np.any(convolved < 0)


def test_shapes_of_the_paper():
    outputs = _shared().network(_images(1, 64, 64, 3))
    assert outputs["lr_deblurred"].shape == (1, 64, 64, 3)
    assert outputs["restored"].shape == (1, 256, 256, 3)
    assert _shared().generator(_images(1, 180, 320, 3)).shape == (1, 720, 1280, 3)


@pytest.mark.parametrize("height, width", [(1, 1), (2, 5), (7, 13), (8, 12)])
def test_any_size_is_padded_inside(height, width):
    """As if the image had been reflected before, and the result cropped after."""
    network = _shared().network
    degraded = _images(2, height, width, 3)
    outputs = network(degraded)
    padded = network(PadToMultiple(4, name="pad")(degraded))
    assert outputs["restored"].shape == (2, 4 * height, 4 * width, 3)
    assert outputs["lr_deblurred"].shape == (2, height, width, 3)
    cropped = padded["restored"][:, : 4 * height, : 4 * width]
    np.testing.assert_array_equal(outputs["restored"], cropped)
    np.testing.assert_array_equal(
        outputs["lr_deblurred"], padded["lr_deblurred"][:, :height, :width]
    )


@functools.cache
def _averaging(**fields):
    """A model whose kernels average, so that no pixel in reach drops out by chance."""
    model = _tiny(**fields).build()
    for variable in model.network.trainable_variables:
        size = np.prod(variable.shape[:-1])  # 1 for a bias.
        variable.assign(tf.ones_like(variable) / size if size > 1 else tf.zeros_like(variable))
    return model


def _reach(network, axis: int, side: int, point: int, scale: int = 1) -> tuple[int, int]:
    """How far the output pixels of one input pixel see before and behind it, along one axis."""
    shape = [1, 4, 4, 3]
    shape[axis] = side
    degraded = tf.Variable(_images(*shape))
    with tf.GradientTape() as tape:
        output = tf.gather(network(degraded), range(scale * point, scale * (point + 1)), axis=axis)
    gradient = np.abs(tape.gradient(output, degraded))
    seen = np.flatnonzero(gradient.sum(axis=(0, 3 - axis, 3)))
    return point - int(seen[0]), int(seen[-1]) - point


@pytest.mark.parametrize("axis", [1, 2])
def test_receptive_field_of_the_deblurring_features(axis):
    """193 LR px; where they lie depends on the grid: at most 15 + 14 * 6 behind the pixel."""
    deblurring = _averaging(deblurring_blocks=6).network.get_layer("deblurring")
    features = keras.Model(deblurring.input, deblurring.output[0])
    reach = [_reach(features, axis, 204, pixel) for pixel in range(100, 104)]
    assert [before + 1 + behind for before, behind in reach] == [193] * 4
    assert max(max(each) for each in reach) == 15 + 14 * 6


@pytest.mark.parametrize("fields", [{}, {"deblurring_blocks": 2, "release": "v1"}])
def test_halo_is_the_reach_of_the_restored_image(fields):
    config, generator = _tiny(**fields), _averaging(**fields).generator
    middle = config.halo // 4 * 4 + 4
    pixels = range(middle, middle + 4)
    reach = [_reach(generator, 2, 2 * middle + 4, pixel, scale=4) for pixel in pixels]
    assert max(max(each) for each in reach) == config.halo
    assert GFNConfig().halo == 15 + 14 * 6 + 1 + 2 * 8 + 2


@pytest.mark.parametrize("initial", ["scaled", "released"])
def test_initial_weights(initial):
    """Standard deviations sqrt(2 / (k k n)), n outputs as in the released code, or inputs.

    Scaled, the last convolution of a residual block and an image begin with a tenth of that.
    """
    keras.utils.set_random_seed(3)
    network = GFNConfig(width=32, deblurring_blocks=1, initial_weights=initial).build().network
    deblurring, gate = network.get_layer("deblurring"), network.get_layer("gate")
    reconstruction = network.get_layer("reconstruction")
    for layer, taps, inputs, outputs, share in (
        (deblurring.get_layer("deblurring_first"), 49, 3, 32, 1),
        (deblurring.get_layer("deblurring_scale3_block1_conv1"), 9, 128, 128, 1),
        (deblurring.get_layer("deblurring_scale3_block1_conv2"), 9, 128, 128, 0.1),
        (deblurring.get_layer("deblurring_up2"), 16, 128, 64, 1),
        (gate.get_layer("gate_conv1"), 9, 67, 32, 1),
        (reconstruction.get_layer("reconstruction_image"), 9, 32, 3, 0.1),
    ):
        kernel = layer.kernel.numpy()
        count, share = (outputs, 1) if initial == "released" else (inputs, share)
        assert kernel.std() == pytest.approx(share * (2 / (taps * count)) ** 0.5, rel=0.1)
        assert abs(kernel.mean()) < 0.1 * kernel.std()
        assert not np.any(layer.bias)


def test_scaled_weights_start_from_dark_images():
    """Restorations begin near 0, within what Adam's first steps can mend."""
    image = tf.random.stateless_uniform((1, 8, 8, 3), (1, 2))
    for initial, least, most in (("scaled", 0.0, 0.5), ("released", 10.0, 1e5)):
        keras.utils.set_random_seed(1)
        generator = GFNConfig(width=16, initial_weights=initial).build_generator()
        assert least < float(tf.math.reduce_std(generator(image))) < most


@pytest.mark.parametrize("alpha, loss", [(0.5, 0.03), (0.0, 0.01), (1.0, 0.05)])
def test_loss_of_constant_errors(alpha, loss):
    """0.1 in high and 0.2 in low resolution: 0.01 + alpha 0.04."""
    model = _shared(alpha=alpha)
    batch = {"target": tf.fill((2, 32, 32, 3), 0.5), "lr_sharp": tf.fill((2, 8, 8, 3), 0.5)}
    outputs = {"restored": batch["target"] + 0.1, "lr_deblurred": batch["lr_sharp"] - 0.2}
    terms = model.generator_terms(batch, outputs)
    assert float(objective(terms)) == pytest.approx(loss, rel=1e-5)
    assert set(terms) == ({"pixel", "deblurring"} if alpha else {"pixel"})
    has_head = any(layer.name == "deblurred_image" for layer in model.network.layers)
    assert has_head is (alpha > 0)


def test_deblurring_loss_wants_its_truth():
    batch = _batch()
    del batch["lr_sharp"]
    with pytest.raises(ValueError, match=r"must have `lr_sharp`. Got: \['degraded', 'target'\]"):
        _shared().generator_terms(batch, _shared().forward(batch))


def _force_to_one(network) -> None:
    last = network.get_layer("gate").get_layer("gate_conv2")
    last.kernel.assign(tf.zeros_like(last.kernel))
    last.bias.assign(tf.ones_like(last.bias))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_map_of_one_equals_no_gate_bit_for_bit(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        degraded = _images(2, 7, 9, 3)
        generator, network, ungated = build_networks(_tiny(gate_start_step=1))
        wanted = ungated(degraded)["restored"]
        np.testing.assert_array_equal(generator(degraded), wanted)  # Closed.
        switch = network.get_layer("gate").get_layer("gate_switch")
        switch.open.assign(1.0)
        assert not np.allclose(generator(degraded), wanted, rtol=0.01)
        _force_to_one(network)
        np.testing.assert_array_equal(generator(degraded), wanted)
        np.testing.assert_array_equal(network(degraded)["restored"], wanted)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_gate_weighs_each_deblurring_feature():
    """Eq. 1: a map of 0 leaves the super-resolution features alone."""
    network = _tiny().build().network
    last = network.get_layer("gate").get_layer("gate_conv2")
    last.kernel.assign(tf.zeros_like(last.kernel))
    degraded = _images(1, 8, 8, 3)
    alone = network.get_layer("reconstruction")(network.get_layer("sr_features")(degraded))
    np.testing.assert_array_equal(network(degraded)["restored"], alone)


def test_two_steps_of_the_paper():
    """The gate's weights stand still without the gate, and are trained with it."""
    config = _tiny(gate_start_step=5)
    model = _compiled(config)
    assert model.phase_starts == (0, 5)
    assert [model.resets_optimizers(phase) for phase in (0, 1)] == [False, True]
    closed = _moved(model, _batch())
    assert {name for name, moved in closed.items() if not moved} == set(config.unmoved_weights)
    assert set(config.unmoved_weights) == {*GATE, "gate_switch/open:0"}
    model.enter_phase(1)
    opened = _moved(model, _batch())
    assert {name for name, moved in opened.items() if not moved} == {"gate_switch/open:0"}
    assert {*GATE} <= set(opened)


def test_deblurring_loss_ends_in_the_third_step_of_the_released_code():
    model = _compiled(_tiny(gate_start_step=5, alpha_end_step=5))
    assert model.phase_starts == (0, 5)
    model.enter_phase(1)
    assert set(model.generator_terms(_batch(), model.forward(_batch()))) == {"pixel"}
    still = {name for name, moved in _moved(model, _batch()).items() if not moved}
    assert {name for name in still if not name.startswith(HEAD)} == {"gate_switch/open:0"}
    assert len(still) == 1 + 4
    model.enter_phase(0)
    logs = model.train_step(_batch())
    assert set(logs) == {"loss", "pixel", "deblurring", "gradient_norm"}


@pytest.mark.parametrize(
    "gate_start_step, alpha_end_step, starts, resets",
    [
        (0, 0, (0,), [False]),
        (5, 0, (0, 5), [False, True]),
        (0, 3, (0, 3), [False, False]),
        (5, 3, (0, 3, 5), [False, False, True]),
    ],
)
def test_phases(gate_start_step, alpha_end_step, starts, resets, monkeypatch):
    """Adam starts afresh with the gate alone."""
    model = _shared()
    config = _tiny(gate_start_step=gate_start_step, alpha_end_step=alpha_end_step)
    monkeypatch.setattr(model, "config", config)
    assert model.phase_starts == starts
    assert [model.resets_optimizers(phase) for phase in range(len(starts))] == resets


def test_weights_carry_the_state_of_the_gate():
    """An exported generator is rebuilt from the config alone."""
    config = _tiny(gate_start_step=5)
    model = _compiled(config)
    degraded = _images(1, 5, 6, 3)
    rebuilt = config.build_generator()
    for phase in (0, 1):
        model.enter_phase(phase)
        rebuilt.set_weights(model.generator.get_weights())
        outputs = model.forward({"degraded": degraded})
        np.testing.assert_array_equal(rebuilt(degraded), outputs["restored"])
        np.testing.assert_array_equal(rebuilt(degraded), model(degraded))


def test_mixed_precision_ends_in_float32():
    degraded = _images(1, 8, 8, 3)
    exact = _shared().generator
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        generator, network, _ = build_networks(_tiny())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    generator.set_weights(exact.get_weights())
    outputs = network(degraded)
    assert {output.dtype for output in outputs.values()} == {tf.float32}
    assert {variable.dtype for variable in network.weights} == {tf.float32}
    error = np.abs(outputs["restored"] - exact(degraded)).max()
    assert 0 < error < 0.03 * np.abs(exact(degraded)).max()


def test_converts_to_tensorflow_lite_for_any_size():
    generator = _shared().generator
    converted = Converted(generator, (1, None, None, 3), generator.weights)
    # The switch is folded away.
    assert not any(name.startswith("SELECT") for name in converted.operators)
    for height, width in ((7, 13), (4, 8)):
        degraded = _images(1, height, width, 3)
        wanted = generator(degraded).numpy()
        np.testing.assert_allclose(converted(degraded), wanted, atol=1e-4 * np.abs(wanted).max())


def _rates(config, epochs) -> list[float]:
    """Adam's learning rates in the middle of these epochs, counted from 1."""
    rate = config.optimizer.build(config.train.steps)._learning_rate
    return [float(rate(tf.constant(epoch * 6_724 - 3_000, tf.int64))) for epoch in epochs]


def test_experiment_of_the_paper():
    config = gfn_gopro.get_config()
    config.validate()
    assert config.train.steps == 110 * 6_724
    assert config.model.gate_start_step == 60 * 6_724
    wanted = [1e-4, 1e-4, 1e-5, 1e-5, 5e-5, 5e-5, 5e-6, 5e-6]
    assert _rates(config, (1, 30, 31, 60, 61, 85, 86, 110)) == pytest.approx(wanted)


def test_experiment_of_the_released_code():
    config = gfn_gopro.get_config("three_step")
    config.validate()
    assert config.train.steps == 140 * 6_724
    assert config.model.gate_start_step == config.model.alpha_end_step == 85 * 6_724
    epochs = (1, 7, 8, 14, 15, 21, 22, 25, 26, 55, 56, 85, 86, 110, 111, 135, 136, 140)
    wanted = [1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5, 2.5e-5, 1.25e-5, 1.25e-5]
    wanted += [1e-4, 1e-4, 1e-5, 1e-5, 5e-5, 5e-5, 5e-6, 5e-6, 5e-7, 5e-7]
    assert _rates(config, epochs) == pytest.approx(wanted)


def test_unknown_experiment_is_refused():
    with pytest.raises(ValueError, match="'three_step', 'quicktest' or none. Got: 'four_step'"):
        gfn_gopro.get_config("four_step")


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("variant", "model6", "`variant` must be one of .* Got: 'model6'"),
        ("release", "v2", r"`release` must be one of \('head', 'v1'\). Got: 'v2'"),
        ("width", 0, "`width` must be at least 1. Got: 0"),
        ("sr_blocks", 0, "`sr_blocks` must be at least 1. Got: 0"),
        ("alpha", -0.5, "`alpha` must be at least 0 and finite. Got: -0.5"),
        ("alpha", float("nan"), "`alpha` must be at least 0 and finite. Got: nan"),
        ("gate_start_step", -1, "`gate_start_step` must be at least 0. Got: -1"),
        ("alpha_end_step", -1, "`alpha_end_step` must be at least 0. Got: -1"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        GFNConfig(**{field: value}).build()
