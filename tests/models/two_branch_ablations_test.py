"""Ablations of the two-branch network: what each switch changes, and nothing else."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_two_branch import PIXEL, W, face_batch, names, tiny_model, tiny_networks, total

from tfdeblur.images.resize import upscale
from tfdeblur.models.base import objective
from tfdeblur.models.two_branch import TwoBranchConfig

UPCNN = 81 * 3 * W + 3 * 9 * W * 4 * W + 9 * W * 3
LEVEL = 3 * 16 * (8 * W) ** 2 + 2 * 8 * W + 2 * 2 * 8 * W + 2 * 2 * 8 * W


@pytest.mark.parametrize(
    "fields, difference, terms, judged",
    [
        ({}, 0, PIXEL | {"global_adversarial"}, {"global", "local"}),
        ({"local_start_step": 0}, 0, None, {"global", "local"}),
        ({"use_upcnn": False}, -UPCNN, PIXEL | {"global_adversarial"}, {"global", "local"}),  # M1
        ({"discriminators": "none"}, 0, PIXEL, set()),  # M2
        ({"discriminators": "global"}, 0, PIXEL | {"global_adversarial"}, {"global"}),  # M3
        ({"noise": True}, 0, PIXEL | {"global_adversarial"}, {"global", "local"}),  # w/N
        ({"discriminator_type": "patch5"}, 0, PIXEL | {"global_adversarial"}, {"global", "local"}),
        ({"perceptual_weight": 10.0, "vgg_variant": "code"}, 0, None, {"global", "local"}),
        ({"grayscale_input": True}, 0, PIXEL | {"global_adversarial"}, {"global", "local"}),
        ({"input_size": 32}, LEVEL, PIXEL | {"global_adversarial"}, {"global", "local"}),
        ({"norm": "in"}, None, PIXEL | {"global_adversarial"}, {"global", "local"}),
        ({"pixel_weight": 0.0}, 0, {"global_adversarial"}, {"global", "local"}),
        ({"adversarial_weight": 0.0}, 0, PIXEL, set()),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_ablations(fields, difference, terms, judged):
    """What each switch does to parameters, outputs, terms and gradients, and nothing else."""
    model = tiny_model(**fields)
    config = model.config
    if difference is not None:
        base = tiny_networks()[1]
        assert model.network.count_params() == base.count_params() + difference
    assert set(model.discriminators) == judged
    batch = face_batch(config.input_size)
    with tf.GradientTape() as tape:
        outputs = model.forward(batch)
        found = model.generator_terms(batch, outputs)
        loss = objective(found)
    assert outputs["restored"].shape == (2, config.target_size, config.target_size, 3)
    if terms is None:
        terms = PIXEL | {"global_adversarial"}
        terms |= {"perceptual"} if config.perceptual_weight else {"local_adversarial"}
    assert set(found) == terms
    variables = model.network.trainable_variables
    gradients = tape.gradient(loss, variables)
    reached = {v.name for v, g in zip(variables, gradients, strict=True) if g is not None}
    blurry = {"blurry1/kernel:0", "blurry1/bias:0"} if not config.pixel_weight else set()
    assert {variable.name for variable in variables} - reached == blurry


def test_instance_norms_take_single_images():
    assert TwoBranchConfig().minimum_batch_size == 2
    model = tiny_model(norm="in", local_start_step=0)
    assert model.config.minimum_batch_size == 1
    assert not [v for v in model.network.weights if "moving" in v.name]
    batch = face_batch(count=1)
    assert np.isfinite(total(model.generator_terms(batch, model.forward(batch))))


def test_noise_stays_on_in_use_and_follows_the_step_in_training():
    model = tiny_model(noise=True, discriminators="none")
    batch = face_batch(count=1)
    assert not np.allclose(model(batch["degraded"]), model(batch["degraded"]), atol=1e-4)
    first, again = (model.forward(batch)["restored"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_noise_follows_every_convolution_that_emits_no_image():
    network = tiny_networks(noise=True)[1]
    noises = {name for name in names(network) if name.endswith("_noise")}
    blocks = [f"up{n}" for n in range(1, 5)] + [f"encode{n}" for n in range(1, 8)]
    blocks += [f"restored{n}" for n in range(2, 8)] + [f"blurry{n}" for n in range(2, 5)]
    assert noises == {f"{block}_noise" for block in blocks}
    layers = [network.get_layer(name) for name in noises]
    assert len({layer.seed for layer in layers}) == len(layers)
    assert {(layer.mean, layer.std) for layer in layers} == {(0.0, 0.1)}


def test_colourisation_sees_the_luma_alone():
    degraded = face_batch()["degraded"].numpy()
    grey = np.repeat(degraded @ np.float32([[0.299], [0.587], [0.114]]), 3, axis=-1)
    for grayscale, same in ((True, True), (False, False)):
        generator = tiny_networks(**({"grayscale_input": True} if grayscale else {}))[0]
        assert np.allclose(generator(degraded), generator(grey), atol=1e-5) is same


def test_bicubic_stands_for_the_five_layer_cnn():
    batch = face_batch()
    upscaled = tiny_model(use_upcnn=False, discriminators="none").forward(batch)["upscaled"]
    expected = [2 * upscale(image.numpy(), 8) - 1 for image in batch["degraded"]]
    np.testing.assert_allclose(upscaled, expected, atol=1e-5)
