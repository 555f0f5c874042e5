"""Enhance-UNet against its paper: counts, shapes, receptive field, objective and gradients."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.losses.perceptual import PerceptualError
from tfdeblur.models import enhance_unet
from tfdeblur.models.base import objective
from tfdeblur.models.enhance_unet import EnhanceUnetConfig, build_critic
from tfdeblur.stack import keras


def _tiny(**fields) -> EnhanceUnetConfig:
    """One level, one block on each side, without VGG-19."""
    small = {"width": 4, "levels": 1, "rrrbs_per_level": 1, "resblocks_per_level": 1}
    return EnhanceUnetConfig(**{**small, "perceptual_weight": 0.0, **fields})


def _images(height, width, count=2, seed=0):
    return tf.random.stateless_uniform((count, height, width, 3), seed=(1, seed))


def _batch(count=2, size=16):
    return {
        "degraded": _images(size, size, count, seed=1),
        "target": _images(size, size, count, seed=2),
    }


def _compiled(config, extractor=None):
    keras.utils.set_random_seed(0)
    model = config.build(extractor)
    model.compile(
        keras.optimizers.Adam(1e-3),
        {name: keras.optimizers.Adam(1e-3) for name in model.discriminators},
    )
    return model


@pytest.fixture(scope="module")
def tiny():
    """A compiled tiny model; its weights and optimizers are whatever the last test left."""
    return _compiled(_tiny(discriminator_updates=2))


@pytest.fixture
def light(monkeypatch):
    """The same weights in fewer layers: recurrence without repeats."""
    monkeypatch.setattr(enhance_unet, "RECYCLES", 0)


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("width, count", [(8, 604_747), (16, 2_223_859), (32, 8_599_363)])
def test_parameter_counts_of_the_generator(width, count):
    assert EnhanceUnetConfig(width=width).build_generator().count_params() == count


@pytest.mark.usefixtures("light")
def test_ablations_take_out_their_blocks(monkeypatch):
    """Weights of a tiny generator, with one RRDB, counted by hand with and without each block."""
    monkeypatch.setattr(enhance_unet, "RRDBS", 1)

    def group(size, channels, filters):
        return size * size * channels * filters + 3 * filters  # Bias, gamma and beta.

    def unet(block):
        fuse = 8 * 4 + 4
        return group(3, 4, 8) + 2 * block + group(4, 8, 4) + fuse

    rrrb, resblock, pair = (number * group(3, 8, 8) for number in (4, 3, 2))
    dense = sum(9 * (4 + 8 * k) * 8 + 8 for k in range(4)) + 9 * (4 + 32) * 4 + 4
    drdbu = 3 * dense + 2 * 4 * 4 + 4
    ends = group(7, 3, 4) + 7 * 7 * 4 * 3 + 3
    expected = {
        None: ends + unet(rrrb) + drdbu + unet(resblock),
        "use_em": ends + unet(rrrb),
        "use_drdbu": ends + unet(rrrb) + unet(resblock),
        "use_rrrb": ends + unet(pair) + drdbu + unet(resblock),
        "use_resblock": ends + unet(rrrb) + drdbu + unet(pair),
    }
    for switch, count in expected.items():
        generator = _tiny(**({switch: False} if switch else {})).build_generator()
        assert generator.count_params() == count, switch
        assert generator.output_shape == (None, None, None, 3)


@pytest.mark.parametrize("height, width", [(152, 150), (7, 13), (2, 9), (1, 1)])
def test_generator_keeps_any_size(tiny, height, width):
    restored = tiny.generator(_images(height, width, count=1))
    assert restored.shape == (1, height, width, 3)
    assert restored.dtype == tf.float32
    assert 0.0 <= float(tf.reduce_min(restored)) <= float(tf.reduce_max(restored)) <= 1.0


def test_generator_reflects_up_to_what_it_can_halve(tiny):
    images = _images(13, 17).numpy()
    padded = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="reflect")
    np.testing.assert_allclose(tiny(images), tiny(padded)[:, :13, :17], atol=1e-6)


@pytest.mark.parametrize(
    "stack, count, side", [("paper", 2_765_313, 19), ("patch70", 2_766_529, 16)]
)
def test_critics(stack, count, side):
    critic = build_critic(3, stack)
    assert critic.count_params() == count
    scores = critic(tf.zeros((1, 150, 150, 3)))
    assert scores.shape == (1, side, side, 1)
    assert scores.dtype == tf.float32


@pytest.mark.parametrize("stack, field", [("paper", 48), ("patch70", 70)])
def test_receptive_field_of_a_score(stack, field, monkeypatch):
    """Without the norms, which see the whole image."""
    monkeypatch.setattr(
        enhance_unet,
        "instance_normalization",
        lambda name: keras.layers.Activation("linear", name=name),
    )
    critic = build_critic(3, stack)
    image = tf.random.stateless_uniform((1, 160, 160, 3), seed=(0, 0))
    with tf.GradientTape() as tape:
        tape.watch(image)
        score = critic(image)[0, 9, 9, 0]
    gradient = np.abs(tape.gradient(score, image).numpy()[0]).sum(axis=-1)
    for axis in (0, 1):
        seen = np.flatnonzero(gradient.sum(axis=axis))
        assert seen[-1] - seen[0] + 1 == field


@pytest.mark.usefixtures("light")
def test_loss_of_the_generator_by_hand():
    """Content 0.02, perceptual 0.3 and a score of 0.5: 0.02 + 10 * 0.3 - 0.5 = 2.52."""
    model = _tiny(use_em=False, perceptual_weight=10.0).build(
        lambda images: [images * np.sqrt(60.0)]
    )
    scores = model.discriminators["critic"].get_layer("scores")
    scores.set_weights([np.zeros(scores.kernel.shape), np.array([0.5])])
    target = tf.zeros((2, 16, 16, 3))
    restored = target + np.sqrt(0.005)  # Twice that in [-1, 1]: 4 * 0.005 = 0.02.
    terms = model.generator_terms({"target": target}, {"restored": restored})
    values = {name: term.values.numpy() for name, term in terms.items()}
    np.testing.assert_allclose(values["content"], [0.02] * 2, rtol=1e-5)
    np.testing.assert_allclose(values["perceptual"], [0.3] * 2, rtol=1e-5)
    np.testing.assert_allclose(values["adversarial"], [-0.5] * 2, rtol=1e-5)
    assert float(objective(terms)) == pytest.approx(2.52, rel=1e-5)


def test_loss_of_a_constant_critic(tiny):
    """It tells nothing apart, and its gradient is 0 instead of 1: 10."""
    kernel = tiny.discriminators["critic"].get_layer("scores").kernel
    before = kernel.numpy()
    kernel.assign(np.zeros_like(before))
    batch = _batch()
    terms = tiny.discriminator_terms("critic", batch, {"restored": batch["degraded"]})
    kernel.assign(before)
    np.testing.assert_allclose(terms["wasserstein"].values, [0.0, 0.0], atol=1e-6)
    assert float(objective(terms)) == pytest.approx(10.0, rel=1e-4)


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize(
    "fields, terms",
    [
        ({}, {"content", "adversarial"}),
        ({"perceptual_weight": 10.0}, {"content", "perceptual", "adversarial"}),
        ({"content_weight": 0.0}, {"adversarial"}),
        ({"adversarial_weight": 0.0, "discriminator_updates": 1}, {"content"}),
    ],
)
def test_terms_without_weight_are_left_out(fields, terms):
    model = _tiny(use_em=False, **fields).build(lambda images: [images])
    assert set(model.discriminators) == ({"critic"} if "adversarial" in terms else set())
    batch = _batch()
    outputs = {"restored": batch["degraded"]}
    assert set(model.generator_terms(batch, outputs)) == terms


@pytest.mark.usefixtures("light")
def test_without_penalty_the_critic_has_one_term():
    model = _tiny(use_em=False, gradient_penalty_weight=0.0).build()
    batch = _batch()
    terms = model.discriminator_terms("critic", batch, {"restored": batch["degraded"]})
    assert set(terms) == {"wasserstein"}


def test_generator_loss_leaves_the_critic_and_the_reverse(tiny):
    batch = _batch()
    with tf.GradientTape(persistent=True) as tape:
        outputs = tiny.forward(batch)
        generator_loss = objective(tiny.generator_terms(batch, outputs))
        critic_loss = objective(tiny.discriminator_terms("critic", batch, outputs))
    generator, critic = (
        network.trainable_variables for network in (tiny.generator, tiny.discriminators["critic"])
    )
    assert all(gradient is not None for gradient in tape.gradient(generator_loss, generator))
    assert all(gradient is None for gradient in tape.gradient(critic_loss, generator))
    with_gradient = [v for v in critic if not v.name.endswith("scores/bias:0")]
    assert all(gradient is not None for gradient in tape.gradient(critic_loss, with_gradient))


def test_penalty_is_drawn_by_the_number_of_the_update(tiny):
    """The same update draws the same, so that a run that goes on repeats nothing; others differ."""
    batch = _batch()
    counter = tiny.discriminator_optimizers["critic"].iterations

    def penalty(update):
        counter.assign(update)
        terms = tiny.discriminator_terms("critic", batch, {"restored": batch["degraded"]})
        return terms["gradient_penalty"].values.numpy()

    first = penalty(7)
    assert not np.allclose(penalty(8), first, rtol=1e-6)
    np.testing.assert_array_equal(penalty(7), first)


def test_step_moves_every_weight_of_its_own_network(tiny, eagerly):
    """Two updates of the critic and one of the generator; biases before norms may stand still."""
    networks = tiny.networks
    optimizers = (tiny.generator_optimizer, tiny.discriminator_optimizers["critic"])
    before = {name: network.get_weights() for name, network in networks.items()}
    updates = [int(optimizer.iterations) for optimizer in optimizers]
    logs = tiny.train_step(_batch(count=4))
    for name, network in networks.items():
        for old, variable in zip(before[name], network.weights, strict=True):
            moved = not np.array_equal(old, variable.numpy())
            by_design = variable.name.endswith(tiny.config.unmoved_weights)
            assert moved or by_design, f"{name}: {variable.name} stood still"
    assert [int(optimizer.iterations) for optimizer in optimizers] == [
        updates[0] + 1,
        updates[1] + 2,
    ]
    assert set(logs) == {
        "loss",
        "content",
        "adversarial",
        "discriminator_loss",
        "wasserstein",
        "gradient_penalty",
        "gradient_norm",
        "discriminator_gradient_norm",
    }


def test_few_weights_stand_still_by_design(tiny):
    """A bias for each norm, and the critic's last."""
    for network, last in ((tiny.generator, 0), (tiny.discriminators["critic"], 1)):
        norms = [weight for weight in network.weights if weight.name.endswith("gamma:0")]
        still = [w for w in network.weights if w.name.endswith(tiny.config.unmoved_weights)]
        assert len(still) == len(norms) + last


@pytest.mark.parametrize("policy, whole", [("mixed_bfloat16", True), ("mixed_float16", False)])
def test_mixed_precision(policy, whole, eagerly):
    """Float32 out, right statistics at 320 px, finite steps with second-order gradients."""
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = _compiled(_tiny(use_em=whole, use_rrrb=whole, discriminator_updates=1))
        logs = model.train_step(_batch())
        restored = model.generator(_images(9, 7))
        head = model.generator.get_layer("head_norm").output
        normalised = keras.Model(model.generator.input, head)(_images(320, 320, count=1))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert all(np.isfinite(value) for value in logs.values())
    assert restored.dtype == normalised.dtype == tf.float32
    gamma, beta = model.generator.get_layer("head_norm").get_weights()
    np.testing.assert_allclose(tf.reduce_mean(normalised, (0, 1, 2)), beta, atol=0.01)
    np.testing.assert_allclose(tf.math.reduce_std(normalised, (0, 1, 2)), gamma, rtol=0.01)


def test_probability_orders_images_as_the_critic_does(tiny):
    scores = tiny.discriminators["critic"].get_layer("scores")
    kernel, bias = scores.get_weights()
    scores.set_weights([np.zeros_like(kernel), np.array([2.0])])
    probability = tiny.probability(_images(16, 17))
    scores.set_weights([kernel, bias])
    np.testing.assert_allclose(probability, [1 / (1 + np.exp(-2.0))] * 2, rtol=1e-5)


@pytest.mark.usefixtures("light")
def test_vgg_is_loaded_by_compile_alone(tmp_path):
    """Who restores needs no VGG-19; who trains learns what to do."""
    config = _tiny(use_em=False, perceptual_weight=10.0, vgg_weights=str(tmp_path / "nowhere.h5"))
    model = config.build()
    with pytest.raises(PerceptualError, match="nowhere.h5', which is no file"):
        model.compile(keras.optimizers.Adam(), {"critic": keras.optimizers.Adam()})
    assert _compiled(config, extractor=lambda images: [images]).extractor is not None


def test_tensorflow_lite_takes_any_size(tiny):
    converted = Converted(tiny.generator, (1, None, None, 3), tiny.generator.weights)
    for height, width in ((16, 16), (7, 13)):
        images = _images(height, width, count=1)
        np.testing.assert_allclose(converted(images), tiny.generator(images), atol=1e-4)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"critic": "patch16"}, r"`critic` must be one of \('paper', 'patch70'\). Got: 'patch16'"),
        ({"width": 0}, "`width` must be at least 1. Got: 0"),
        ({"levels": 0}, "`levels` must be at least 1. Got: 0"),
        ({"perceptual_weight": -1.0}, "`perceptual_weight` must be at least 0 and finite"),
        ({"content_weight": float("nan")}, "`content_weight` must be .* Got: nan"),
        ({"content_weight": 0.0, "adversarial_weight": 0.0}, "must be above 0. Got: 0 for all"),
        ({"channels": 1, "perceptual_weight": 10.0}, "`channels` must be 3 .* Got: 1"),
        (
            {"adversarial_weight": 0.0, "discriminator_updates": 5},
            "`discriminator_updates` must be 1 where .* Got: 5",
        ),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        _tiny(**fields).build()
