"""The two-branch network's objective against the paper: losses, who judges what, phases."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_two_branch import (
    PIXEL,
    compiled_model,
    face_batch,
    features,
    tiny_config,
    tiny_model,
    tiny_networks,
    total,
)

from tfdeblur.models import two_branch
from tfdeblur.models.base import objective
from tfdeblur.models.two_branch import TwoBranch, TwoBranchConfig
from tfdeblur.stack import keras


def test_pixel_loss_by_hand():
    """HRB off by 0.1, HR by 0.2, 25 % of it masked in: 0.1 + 0.2 + 0.05 = 0.35; times 100."""
    model = tiny_model(discriminators="none")
    batch = face_batch()
    # Half of that in [0, 1].
    outputs = {
        "restored": batch["target"] + 0.1,
        "blurry": batch["hr_blurry"] - 0.05,
        "upscaled": batch["target"],
    }
    terms = model.generator_terms(batch, outputs)
    values = {name: term.values.numpy() for name, term in terms.items()}
    np.testing.assert_allclose(values["blurry_pixel"], [0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose(values["pixel"], [0.2, 0.2], rtol=1e-5)
    np.testing.assert_allclose(values["face_pixel"], [0.05, 0.05], rtol=1e-5)
    assert total(terms) == pytest.approx(35.0, rel=1e-5)


@pytest.mark.parametrize("kind", ["conv7", "patch5"])
def test_adversarial_losses_at_one_half(kind):
    """D = 0.5: 0.25 + 0.25 for each discriminator, 1 for both; 0.25 twice for the generator."""
    model = tiny_model(discriminator_type=kind, local_start_step=0, pixel_weight=0.0)
    last = {"conv7": 7, "patch5": 5}[kind]
    for name, discriminator in model.discriminators.items():
        layer = discriminator.get_layer(f"{name}{last}")
        layer.kernel.assign(tf.zeros_like(layer.kernel))
        layer.bias.assign([0.5])
    batch = face_batch()
    outputs = model.forward(batch)
    losses = [
        total(model.discriminator_terms(name, batch, outputs)) for name in ("global", "local")
    ]
    assert losses == pytest.approx([0.5, 0.5])
    terms = model.generator_terms(batch, outputs)
    assert set(terms) == {"global_adversarial", "local_adversarial"}
    assert total(terms) == pytest.approx(0.5)


def test_the_global_discriminator_sees_the_enlarged_input_and_the_local_one_the_face():
    model = tiny_model(local_start_step=0)
    batch = face_batch()
    outputs = {"restored": batch["target"] * 0.5, "upscaled": batch["hr_blurry"]}

    def losses(**changes):
        changed = {**outputs, **changes}
        return [
            total(model.discriminator_terms(name, batch, changed)) for name in ("global", "local")
        ]

    before = losses()
    outside = outputs["restored"] + 0.5 * (1 - batch["face_mask"])
    inside = outputs["restored"] + 0.5 * batch["face_mask"]
    assert losses(restored=outside)[1] == before[1] and losses(restored=outside)[0] != before[0]
    assert losses(restored=inside)[1] != before[1]
    with_other_input = losses(upscaled=1 - outputs["upscaled"])
    assert with_other_input[0] != before[0] and with_other_input[1] == before[1]


def test_masked_background_is_mid_grey():
    """A black image, seen through a mask."""
    model = tiny_model()
    seen = []
    model.discriminators["local"] = lambda images, training: seen.append(images) or images[..., :1]
    mask = tf.constant([[1.0, 0.0], [0.0, 1.0]])[None, :, :, None]
    black = tf.zeros((1, 2, 2, 3))
    batch = {"target": black, "face_mask": mask}
    model.discriminator_terms("local", batch, {"restored": black, "upscaled": black})
    for images in seen:
        np.testing.assert_array_equal(images[0, :, :, 0], [[-1.0, 0.0], [0.0, -1.0]])
    assert len(seen) == 2


def test_each_loss_leaves_the_other_networks():
    """The generator's reaches the five-layer CNN by way of D_g's input; D_g's own does not."""
    model = tiny_model(pixel_weight=0.0, local_start_step=0)
    batch = face_batch()
    with tf.GradientTape(persistent=True) as tape:
        outputs = model.forward(batch)
        terms = model.generator_terms(batch, {**outputs, "restored": batch["target"]})
        judging = {
            name: objective(model.discriminator_terms(name, batch, outputs))
            for name in model.discriminators
        }
        loss = objective(terms)
    by_input = tape.gradient(loss, model.network.get_layer("up1").kernel)
    assert by_input is not None and np.any(by_input)
    variables = model.network.trainable_variables
    for name, value in judging.items():
        assert all(gradient is None for gradient in tape.gradient(value, variables))
        for other, discriminator in model.discriminators.items():
            gradients = tape.gradient(value, discriminator.trainable_variables)
            assert all((gradient is None) == (other != name) for gradient in gradients)


def test_the_local_discriminator_joins_in_phase_one():
    model = tiny_model(local_start_step=3)
    assert model.phase_starts == (0, 3)
    batch = face_batch()
    outputs = model.forward(batch)
    assert model.active_discriminators() == ("global",)
    assert set(model.generator_terms(batch, outputs)) == PIXEL | {"global_adversarial"}
    model.enter_phase(1)
    assert model.active_discriminators() == ("global", "local")
    with_local = PIXEL | {"global_adversarial", "local_adversarial"}
    assert set(model.generator_terms(batch, outputs)) == with_local
    model.enter_phase(0)
    assert model.active_discriminators() == ("global",)


def test_the_papers_schedule():
    """200 epochs of 28,800 / 64 = 450 steps."""
    assert TwoBranchConfig().local_start_step == 200 * 28_800 // 64 == 90_000
    for fields, names in (
        ({"local_start_step": 0}, ("global", "local")),
        ({"discriminators": "global"}, ("global",)),
        ({"discriminators": "none"}, ()),
    ):
        model = tiny_model(**fields)
        assert model.phase_starts == (0,)
        assert model.active_discriminators() == names


def test_a_step_moves_every_weight_but_those_that_stand_still():
    model = compiled_model(local_start_step=1)
    config = model.config
    networks = model.networks

    def step():
        before = {name: network.get_weights() for name, network in networks.items()}
        logs = model.train_step(face_batch(count=3))
        still = {
            variable.name
            for name, network in networks.items()
            for variable, old in zip(network.weights, before[name], strict=True)
            if np.array_equal(variable.numpy(), old)
        }
        return logs, still

    logs, still = step()
    assert set(logs) == PIXEL | {
        "loss",
        "global_adversarial",
        "discriminator_loss",
        "global_least_squares",
        "gradient_norm",
        "global_gradient_norm",
    }
    assert all(name.endswith(config.unmoved_weights) for name in still)
    local = {variable.name for variable in model.discriminators["local"].weights}
    assert local <= still and all(name.endswith(config.unmoved_weights) for name in local)
    other = {variable.name for variable in model.discriminators["global"].weights}
    stopped = {name for name in other if name.endswith(config.unmoved_weights)}
    assert all(name.endswith("_raw/bias:0") for name in stopped)
    model.enter_phase(1)
    logs, still = step()
    assert {"local_adversarial", "local_least_squares", "discriminator_loss"} <= set(logs)
    assert all(name.endswith("_raw/bias:0") for name in still)


def test_perceptual_term_sums_the_taps():
    """An error of 0.1 in each of five taps."""
    model = tiny_model(perceptual_weight=10.0, pixel_weight=0.0, discriminators="none")
    batch = face_batch()
    outputs = {"restored": batch["target"] + 0.1, "blurry": None, "upscaled": None}
    terms = model.generator_terms(batch, outputs)
    assert set(terms) == {"perceptual"} and terms["perceptual"].weight == 10.0
    np.testing.assert_allclose(terms["perceptual"].values, [0.5, 0.5], rtol=1e-4)


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_compile_loads_the_taps_of_the_variant(variant, monkeypatch):
    received = []

    def build(taps, weights, normalised):
        received.append((taps, weights, normalised))
        return features

    monkeypatch.setattr(two_branch, "build_torch_vgg19", build)
    config = tiny_config(
        perceptual_weight=10.0, vgg_variant=variant, vgg_weights="there.h5", discriminators="none"
    )
    model = TwoBranch(config, *tiny_networks(), None)
    assert received == []  # A model that only restores does without.
    model.compile(keras.optimizers.Adam())
    pools = {f"block{n}_pool": 1.0 for n in range(1, 6)}
    relus = dict(
        zip(
            (f"block{n}_conv1" for n in range(1, 6)), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), strict=True
        )
    )
    assert received == [(pools if variant == "paper" else relus, "there.h5", variant == "paper")]


def test_a_batch_without_its_extras_is_refused():
    batch = face_batch()
    del batch["face_mask"]
    with pytest.raises(
        ValueError, match="`hr_blurry` and `face_mask`. Got: degraded, target, hr_b"
    ):
        tiny_model().forward(batch)


def test_an_objective_without_terms_is_refused():
    config = TwoBranchConfig(pixel_weight=0.0, perceptual_weight=0.0, discriminators="none")
    with pytest.raises(
        ValueError, match="One of .*'pixel_weight'.* must be positive. Got: no term"
    ):
        config.validate()
