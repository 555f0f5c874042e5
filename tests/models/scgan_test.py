"""SCGAN against its paper: counts, shapes, receptive field, objectives and gradients."""

import math

import cv2
import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.images.resize import upscale
from tfdeblur.models.base import objective
from tfdeblur.models.scgan import SCGANConfig, build_discriminator
from tfdeblur.stack import keras


def _batch(size=16, count=3, channels=3):
    degraded = tf.random.stateless_uniform((count, size, size, channels), seed=(1, 2))
    target = tf.random.stateless_uniform((count, 4 * size, 4 * size, channels), seed=(3, 4))
    return {"degraded": degraded, "target": target}


def _compiled(config: SCGANConfig, learning_rate=1e-3):
    keras.utils.set_random_seed(0)
    model = config.build()
    model.compile(
        keras.optimizers.Adam(learning_rate),
        {name: keras.optimizers.Adam(learning_rate) for name in model.discriminators},
    )
    return model


def _trainable(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def test_parameter_counts_of_the_paper():
    model = SCGANConfig().build()
    assert model.generator.count_params() == 1_083_587
    assert _trainable(model.generator) == 1_082_179
    discriminator = model.discriminators["discriminator"]
    assert discriminator.count_params() == 201_537
    assert _trainable(discriminator) == 201_153
    kernels = [v for v in model.generator.trainable_variables if "kernel" in v.name]
    assert sum(int(np.prod(v.shape)) for v in kernels) == 1_080_768


def test_grey_generator_count():
    assert SCGANConfig(channels=1).build_generator().count_params() == 1_075_777


@pytest.mark.parametrize("upsample", ["uconv", "bicubic"])
@pytest.mark.parametrize("height, width", [(16, 16), (50, 50), (7, 13), (1, 1)])
def test_generator_takes_any_size(height, width, upsample):
    generator = SCGANConfig(width=8, upsample=upsample).build_generator()
    restored = generator(tf.random.stateless_uniform((2, height, width, 3), seed=(0, 0)))
    assert restored.shape == (2, 4 * height, 4 * width, 3)
    assert restored.dtype == tf.float32
    assert 0.0 <= float(tf.reduce_min(restored)) <= float(tf.reduce_max(restored)) <= 1.0


def test_discriminator_shapes():
    *features, logits = build_discriminator(64, 3, 64)(tf.zeros((2, 64, 64, 3)))
    assert [tuple(feature.shape) for feature in features] == [
        (2, side, side, 64) for side in (32, 16, 8, 4)
    ]
    assert logits.shape == (2, 1)


@pytest.mark.parametrize(
    "upsample, keep_means, halo",
    [("uconv", False, 7), ("bicubic", False, 8), ("uconv", True, 10)],
)
def test_receptive_field_is_the_declared_halo(upsample, keep_means, halo):
    """One LR pixel reaches exactly `halo` LR pixels: gradient of one cell's four corners."""
    config = SCGANConfig(width=4, upsample=upsample, keep_means=keep_means)
    assert config.halo == halo
    generator = config.build_generator()
    degraded = tf.Variable(tf.random.stateless_uniform((1, 33, 33, 3), seed=(5, 6)))
    with tf.GradientTape() as tape:
        restored = generator(degraded, training=False)
        cell = tf.reduce_sum(restored[0, 64:68, 64:68])  # The four by four pixels of LR (16, 16).
    gradient = np.abs(tape.gradient(cell, degraded).numpy()[0]).sum(axis=-1)
    rows = np.flatnonzero(gradient.sum(axis=1))
    columns = np.flatnonzero(gradient.sum(axis=0))
    assert 16 - rows[0] <= config.halo and rows[-1] - 16 <= config.halo
    assert 16 - columns[0] <= config.halo and columns[-1] - 16 <= config.halo
    assert max(16 - rows[0], rows[-1] - 16) == config.halo


def test_kept_means_are_those_of_the_enlarged_input():
    """Of an area that is larger than what the network sees, whatever the network makes of it."""
    generator = SCGANConfig(width=4, keep_means=True).build_generator()
    area = np.tile(np.float32([0.8, 0.3, 0.5]), (1, 30, 29, 1))
    restored = generator(area).numpy()
    free = keras.Model(generator.input, generator.get_layer("restored").output)(area).numpy()
    assert np.abs(free - free[0, 60, 60]).max() > 0.01  # Its borders differ from its middle.
    inner = restored[0, 48:72, 48:72].mean(axis=(0, 1))
    np.testing.assert_allclose(inner, [0.8, 0.3, 0.5], atol=0.01)
    degraded = tf.random.stateless_uniform((1, 6, 5, 3), seed=(1, 2))
    restored, free = (
        keras.Model(generator.input, generator.get_layer(name).output)(degraded).numpy()
        for name in ("kept_means", "restored")
    )
    lacking = upscale(degraded[0].numpy(), 4) - free[0]
    for _ in range(3):
        count = cv2.boxFilter(np.ones_like(lacking), -1, (7, 7), None, (-1, -1), False, 0)
        lacking = cv2.boxFilter(lacking, -1, (7, 7), None, (-1, -1), False, 0) / count
    np.testing.assert_allclose(restored[0], free[0] + lacking, atol=1e-5)


def test_bicubic_generator_enlarges_in_front_of_twelve_plain_convolutions():
    """Kernels: 25 * 3 * 64 twice and ten of 25 * 64 * 64; 11 norms of 4 * 64; the last bias."""
    generator = SCGANConfig(upsample="bicubic").build_generator()
    assert generator.count_params() == 2 * 4800 + 10 * 102_400 + 11 * 4 * 64 + 3
    kinds = [type(layer) for layer in generator.layers]
    assert kinds.count(keras.layers.Conv2D) == 12
    assert keras.layers.Conv2DTranspose not in kinds
    degraded = tf.random.stateless_uniform((1, 5, 7, 3), seed=(5, 6))
    enlarged = keras.Model(generator.input, generator.get_layer("enlarge").output)(degraded)
    wanted = 2.0 * upscale(degraded[0].numpy(), 4) - 1.0
    np.testing.assert_allclose(enlarged[0], wanted, atol=1e-5)


@pytest.mark.parametrize("upsample", ["uconv", "bicubic"])
def test_generator_converts_to_tflite(upsample):
    """Open sizes, the same pixels, from one pixel on; LiteRT knows its own operators only."""
    generator = SCGANConfig(upsample=upsample, width=4).build_generator()
    converted = Converted(generator, (1, None, None, 3), generator.weights)
    for size in ((7, 13), (1, 2)):
        images = np.random.default_rng(0).random((1, *size, 3), np.float32)
        np.testing.assert_allclose(converted(images), generator(images), atol=1e-4)


def test_initialisation_is_he_with_fan_in():
    """uconv1 reads 6 * 6 * 3 values, uconv3 6 * 6 * 64: standard deviation sqrt(2 / 2304)."""
    keras.utils.set_random_seed(0)
    generator = SCGANConfig().build_generator()
    for name, fan_in in (("uconv1", 6 * 6 * 3), ("uconv3", 6 * 6 * 64), ("conv5", 5 * 5 * 64)):
        kernel = generator.get_layer(name).kernel.numpy()
        assert kernel.std() == pytest.approx(math.sqrt(2 / fan_in), rel=0.02)
        assert abs(kernel.mean()) < 0.02 * kernel.std() * 5


@pytest.mark.parametrize(
    "name, terms, discriminated",
    [
        ("pixel", {"pixel"}, None),
        ("gan", {"adversarial"}, {"cross_entropy"}),
        ("pixel+gan", {"pixel", "adversarial"}, {"cross_entropy"}),
        ("full", {"pixel", "feature_matching", "adversarial"}, {"cross_entropy", "triplet"}),
    ],
)
def test_objectives_have_their_terms(name, terms, discriminated):
    model = SCGANConfig(width=8, objective=name).build()
    batch = _batch()
    outputs = model.forward(batch)
    assert set(model.generator_terms(batch, outputs)) == terms
    if discriminated is None:
        assert not model.discriminators
    else:
        assert set(model.discriminator_terms("discriminator", batch, outputs)) == discriminated


@pytest.mark.parametrize(
    "fields, terms, discriminated",
    [
        ({"feature_weight": 0.0}, {"pixel", "adversarial"}, {"cross_entropy", "triplet"}),
        ({"adversarial_weight": 0.0}, {"pixel", "feature_matching"}, {"cross_entropy", "triplet"}),
        ({"triplet_weight": 0.0}, {"pixel", "feature_matching", "adversarial"}, {"cross_entropy"}),
    ],
)
def test_terms_of_weight_0_are_left_out(fields, terms, discriminated):
    config = SCGANConfig(width=4, **fields)
    model, batch = config.build(), _batch(count=2)
    outputs = model.forward(batch)
    assert set(model.generator_terms(batch, outputs)) == terms
    assert set(model.discriminator_terms("discriminator", batch, outputs)) == discriminated
    assert config.minimum_batch_size == (2 if "triplet" in discriminated else 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"feature_weight": 0.0, "adversarial_weight": 0.0},
        {"objective": "pixel+gan", "adversarial_weight": 0.0},
        {"objective": "pixel"},
    ],
)
def test_objective_of_pixels_alone_has_no_discriminator(fields):
    config = SCGANConfig(width=4, **fields)
    assert config.build().discriminators == {}
    assert (config.target_size, config.minimum_batch_size) == (None, 1)


def test_perfect_generator_costs_only_the_adversary():
    """D = 0.5 and G(y) = x: 1e-3 ln 2 for G; 2 ln 2 + 0.1 for D when all features are equal."""
    model = SCGANConfig(width=8).build()
    discriminator = model.discriminators["discriminator"]
    discriminator.get_layer("logits").kernel.assign(tf.zeros((4 * 4 * 8, 1)))
    batch = _batch(count=2)
    batch["target"] = tf.repeat(batch["target"][:1], 2, axis=0)  # x^ equals x.
    outputs = {"restored": batch["target"]}
    generator_loss = objective(model.generator_terms(batch, outputs))
    assert float(generator_loss) == pytest.approx(6.931e-4, abs=1e-6)
    discriminator_loss = objective(model.discriminator_terms("discriminator", batch, outputs))
    assert float(discriminator_loss) == pytest.approx(1.486294, abs=1e-5)


def test_pixel_term_is_in_the_signed_range():
    """An error of 0.1 in [0, 1] is 0.2 in [-1, 1]: 0.04."""
    model = SCGANConfig(width=8, objective="pixel").build()
    batch = {"target": tf.fill((2, 64, 64, 3), 0.5)}
    terms = model.generator_terms(batch, {"restored": tf.fill((2, 64, 64, 3), 0.6)})
    np.testing.assert_allclose(terms["pixel"].values, [0.04, 0.04], rtol=1e-5)


def test_generator_loss_leaves_the_discriminator_and_the_reverse():
    model = _compiled(SCGANConfig(width=8))
    batch = _batch()
    discriminator = model.discriminators["discriminator"]
    with tf.GradientTape(persistent=True) as tape:
        outputs = model.forward(batch)
        generator_loss = objective(model.generator_terms(batch, outputs))
        discriminator_loss = objective(model.discriminator_terms("discriminator", batch, outputs))
    generator_gradients = tape.gradient(generator_loss, model.generator.trainable_variables)
    assert all(gradient is not None for gradient in generator_gradients)
    assert all(
        gradient is None
        for gradient in tape.gradient(discriminator_loss, model.generator.trainable_variables)
    )
    assert all(
        gradient is not None
        for gradient in tape.gradient(discriminator_loss, discriminator.trainable_variables)
    )


def test_feature_layers_choose_their_feature():
    batch = _batch()
    values = {}
    for layer in (1, 2, 3, 4):
        keras.utils.set_random_seed(0)
        model = SCGANConfig(width=8, feature_layer_generator=layer).build()
        terms = model.generator_terms(batch, model.forward(batch))
        values[layer] = float(objective({"f": terms["feature_matching"]}))
    assert len(set(values.values())) == 4


def test_split_batches_keep_real_features_free_of_fakes():
    batch = _batch()
    fakes = [tf.zeros_like(batch["target"]), tf.ones_like(batch["target"])]
    for split, expected in ((True, True), (False, False)):
        keras.utils.set_random_seed(0)
        model = SCGANConfig(width=8, split_batches=split).build()
        observed = [model._observe("discriminator", batch["target"], fake)[0][1] for fake in fakes]
        same = bool(tf.reduce_all(tf.equal(observed[0], observed[1])))
        assert same is expected


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_statistics_stand_still_and_are_what_a_step_normalises_with(frozen):
    config = SCGANConfig(width=8, objective="pixel", freeze_statistics=frozen)
    model, batch = _compiled(config), _batch()
    weights = {v.name: v.numpy() for v in model.generator.weights}
    same = np.array_equal(
        model.forward(batch)["restored"], model.generator(batch["degraded"], training=False)
    )
    assert same is frozen
    model.train_step(batch)
    for variable in model.generator.weights:
        moved = not np.array_equal(weights[variable.name], variable.numpy())
        assert moved is not (frozen and "moving" in variable.name), variable.name


def test_step_moves_every_weight_of_its_own_network():
    model = _compiled(SCGANConfig(width=8))
    networks = model.networks
    before = {name: [v.numpy() for v in net.trainable_variables] for name, net in networks.items()}
    logs = model.train_step(_batch())
    for name, network in networks.items():
        for old, variable in zip(before[name], network.trainable_variables, strict=True):
            assert not np.array_equal(old, variable.numpy()), f"{name}: {variable.name} stood still"
    assert set(logs) == {
        "loss",
        "pixel",
        "feature_matching",
        "adversarial",
        "discriminator_loss",
        "cross_entropy",
        "triplet",
        "gradient_norm",
        "discriminator_gradient_norm",
    }


def test_pixel_objective_overfits_one_pair():
    model = _compiled(SCGANConfig(width=8, objective="pixel"), learning_rate=3e-3)
    batch = _batch(size=8, count=1)
    step = tf.function(model.train_step)
    first = float(step(batch)["loss"])
    for _ in range(150):
        last = float(step(batch)["loss"])
    assert last < 0.4 * first


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("objective", "l1", "`objective` must be one of"),
        ("reduction", "max", "`reduction` must be"),
        ("feature_layer_generator", 5, "`feature_layer_generator` must be 1 to 4. Got: 5"),
        ("width", 0, "`width` must be at least 1. Got: 0"),
        ("classes", 0, "`classes` must be at least 1. Got: 0"),
        ("upsample", "nearest", "`upsample` must be one of"),
        ("adversarial_weight", -1e-3, "`adversarial_weight` must be at least 0 .* Got: -0.001"),
        ("feature_weight", math.nan, "`feature_weight` must be at least 0 .* Got: nan"),
        ("triplet_weight", math.inf, "`triplet_weight` must be at least 0 and finite. Got: inf"),
        ("triplet_margin", -1.0, "`triplet_margin` must be at least 0"),
        ("discriminator_size", 40, "`discriminator_size` must be a multiple of 16. Got: 40"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        SCGANConfig(**{field: value}).build()
