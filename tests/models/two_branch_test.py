"""Two-branch network against its paper: counts, shapes, norms, objective, phases and ablations."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from litert import Converted

from tfdeblur.models import two_branch
from tfdeblur.models.base import Term, objective
from tfdeblur.models.two_branch import (
    TwoBranch,
    TwoBranchConfig,
    build_discriminator,
    build_networks,
)
from tfdeblur.stack import keras

PIXEL = {"blurry_pixel", "pixel", "face_pixel"}
W = 4  # Width of the tiny networks.
WIRING = {"input_size", "use_upcnn", "norm", "noise", "noise_mean", "noise_std", "grayscale_input"}


def _features(images):
    """Stands for VGG-19: five taps without weights, each half as large as the one before."""
    return [images[:, :: 2**tap, :: 2**tap] for tap in range(5)]


def _tiny(**fields) -> TwoBranchConfig:
    return TwoBranchConfig(**{"width": W, "input_size": 16, "perceptual_weight": 0.0, **fields})


@functools.cache
def _networks(**fields):
    """The networks of a tiny configuration, random or somewhat trained by a test before."""
    keras.utils.set_random_seed(0)
    return build_networks(_tiny(**fields))


def _model(**fields) -> TwoBranch:
    """A tiny model whose networks are those of every other with the same."""
    wired = {name: value for name, value in fields.items() if name in WIRING}
    return TwoBranch(_tiny(**fields), *_networks(**wired), _features)


def _compiled(**fields) -> TwoBranch:
    model = _model(**fields)
    model.compile(
        keras.optimizers.Adam(1e-3),
        {name: keras.optimizers.Adam(1e-3) for name in model.discriminators},
    )
    return model


def _batch(side=16, count=2):
    low, high = (count, side, side, 3), (count, 8 * side, 8 * side, 3)
    mask = np.zeros((count, 8 * side, 8 * side, 1), np.float32)
    mask[:, 2 * side : 6 * side, 2 * side : 6 * side] = 1  # 25 % of the image.
    return {
        "degraded": tf.random.stateless_uniform(low, seed=(1, 2)),
        "target": tf.random.stateless_uniform(high, seed=(3, 4)),
        "hr_blurry": tf.random.stateless_uniform(high, seed=(5, 6)),
        "face_mask": tf.constant(mask),
    }


def _trainable(network) -> int:
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def _names(network) -> set[str]:
    return {layer.name for layer in network.layers}


def _total(terms: dict[str, Term]) -> float:
    return float(objective(terms))


def test_parameter_counts_of_the_paper():
    """Fig. 2 at full width; the generator lacks the blurry image's 4 x 4 x 128 x 3 + 3 weights."""
    generator, network = build_networks(TwoBranchConfig())
    assert network.count_params() == 58_307_270
    assert _trainable(network) == 58_295_494
    assert generator.count_params() == 58_307_270 - 6_147
    parts = {"up": 0, "encode": 0, "restored": 0, "blurry": 0, "norm": 0}
    for variable in network.trainable_variables:
        layer = variable.name.partition("/")[0]
        part = "norm" if layer.endswith("_norm") else layer.replace("_raw", "").rstrip("0123456789")
        parts[part] += int(np.prod(variable.shape))
    assert parts == {
        "up": 459_648,
        "encode": 19_535_808,
        "restored": 34_873_795,
        "blurry": 3_414_467,
        "norm": 11_776,
    }


@pytest.mark.parametrize(
    "kind, name, count, trainable",
    [
        ("patch5", "global", 2_771_393, 2_769_601),
        ("patch5", "local", 2_768_321, 2_766_529),
        ("conv7", "global", 11_165_121, 11_161_281),
        ("conv7", "local", 11_162_049, 11_158_209),
    ],
)
def test_discriminators_of_the_paper(kind, name, count, trainable):
    discriminator = build_discriminator(TwoBranchConfig(discriminator_type=kind), name)
    assert discriminator.count_params() == count
    assert _trainable(discriminator) == trainable
    assert discriminator.input_shape == (None, 256, 256, 6 if name == "global" else 3)
    side = 30 if kind == "patch5" else 1
    assert discriminator.output_shape == (None, side, side, 1)


@pytest.mark.parametrize("kind, field, convolutions", [("patch5", 70, 5), ("conv7", 382, 7)])
def test_receptive_fields(kind, field, convolutions):
    discriminator = build_discriminator(TwoBranchConfig(width=1, discriminator_type=kind), "local")
    layers = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    nominal, pitch = 1, 1
    for layer in layers:
        nominal += (layer.kernel_size[0] - 1) * pitch
        pitch *= layer.strides[0]
    assert (nominal, len(layers)) == (field, convolutions)


def test_patches_are_of_seventy_pixels():
    """Logit 15 of 30 has its 70 px at 8 * 15 - 23 = 97 to 166."""
    config = TwoBranchConfig(width=2, discriminator_type="patch5")
    images = tf.random.stateless_uniform((1, 256, 256, 3), seed=(7, 8))
    discriminator = build_discriminator(config, "local")
    with tf.GradientTape() as tape:
        tape.watch(images)
        logit = discriminator(images, training=False)[0, 15, 15, 0]
    seen = np.flatnonzero(np.abs(tape.gradient(logit, images)).sum(axis=(0, 1, 3)))
    assert (seen[0], seen[-1]) == (97, 166)


def test_the_seven_convolutions_judge_the_whole_image():
    images = tf.random.stateless_uniform((1, 256, 256, 3), seed=(7, 8))
    discriminator = build_discriminator(TwoBranchConfig(width=2), "local")
    with tf.GradientTape() as tape:
        tape.watch(images)
        logit = discriminator(images, training=False)
    gradient = np.abs(tape.gradient(logit, images).numpy()).sum(axis=(0, 3))
    assert (gradient[::15, ::15] > 0).all()


@pytest.mark.parametrize("size", [32, 16])
def test_three_images_in_training_and_one_in_use(size):
    model = _model(input_size=size, discriminators="none")
    batch = _batch(size)
    outputs = model.forward(batch)
    assert set(outputs) == {"restored", "blurry", "upscaled"}
    for image in (*outputs.values(), model(batch["degraded"])):
        assert image.shape == (2, 8 * size, 8 * size, 3)
        assert image.dtype == tf.float32
    for name in ("restored", "blurry"):
        assert float(tf.reduce_min(outputs[name])) >= 0.0
        assert float(tf.reduce_max(outputs[name])) <= 1.0


def test_norms_stand_where_the_paper_has_them():
    """Not after the first convolution, those of the five-layer CNN, and those that emit images."""
    normed = [f"encode{n}" for n in range(2, 8)]
    normed += [f"restored{n}" for n in range(2, 8)] + [f"blurry{n}" for n in range(2, 5)]
    batch, instance = (_networks(norm=norm)[1] for norm in ("bn", "in"))
    norms = {f"{name}_norm" for name in normed}
    assert {name for name in _names(batch) if name.endswith("_norm")} == norms
    # An instance norm of one value would be constant.
    assert {name for name in _names(instance) if name.endswith("_norm")} == norms - {"encode7_norm"}
    without_bias = [
        layer.name for layer in batch.layers if hasattr(layer, "use_bias") and not layer.use_bias
    ]
    assert sorted(without_bias) == ["up1", "up2", "up3", "up4", "up5"]


def test_the_innermost_level_matters_with_either_norm():
    degraded = _batch()["degraded"]
    for norm in ("bn", "in"):
        network = _networks(norm=norm)[1]
        innermost = keras.Model(network.input, network.get_layer("restored7_relu").input)
        values = innermost([degraded, tf.zeros([1], tf.int64)]).numpy()
        assert values.shape == (2, 1, 1, 32)
        assert not np.allclose(values[0], values[1], atol=1e-6)


def test_branches_share_four_levels_and_join_at_the_end():
    """I_f reaches both images; what lies below level 4 reaches the sharp one only."""
    model = _model(discriminators="none")
    outputs = model.forward(_batch())
    for layer, reached in (
        ("encode5_raw", {"restored"}),
        ("encode4_raw", {"restored", "blurry"}),
        ("blurry2_raw", {"restored", "blurry"}),
        ("blurry1", {"blurry"}),
        ("restored1", {"restored"}),
        ("up5", {"restored", "blurry", "upscaled"}),
    ):
        kernel = model.network.get_layer(layer).kernel
        before = kernel.numpy()
        kernel.assign(0.5 * before)
        changed = model.forward(_batch())
        kernel.assign(before)
        differing = {name for name in outputs if not np.array_equal(outputs[name], changed[name])}
        assert differing == reached, layer


@pytest.mark.parametrize("shape", [(1, 40, 16, 3), (1, 17, 17, 3), (1, 32, 32, 3)])
def test_another_size_is_refused(shape):
    """As it is where sizes are open when a graph is built: see the layer's own test."""
    generator, network = _networks()
    assert generator.get_layer("input").side == network.get_layer("input").side == 16
    height, width = shape[1:3]
    with pytest.raises(ValueError, match=f"16x16 px for this network. Got: {height}x{width}"):
        generator(tf.zeros(shape))


def test_the_generator_has_the_networks_weights_and_no_dropout():
    model = _model(discriminators="none")
    own = {id(variable) for variable in model.network.weights}
    assert {id(variable) for variable in model.generator.weights} <= own
    degraded = _batch()["degraded"]
    np.testing.assert_array_equal(model(degraded), model(degraded))
    dropouts = {name for name in _names(model.network) if name.endswith("_dropout")}
    assert dropouts == {"restored7_dropout", "restored6_dropout"}  # Level 8 is not there for 16 px.
    assert not any(name.endswith("_dropout") for name in _names(model.generator))


def test_dropout_is_a_function_of_the_step():
    model = _compiled(discriminators="none")
    first, again = (model.forward(_batch())["restored"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    model.generator_optimizer.iterations.assign(1)
    other = model.forward(_batch())["restored"]
    assert not np.allclose(first, other, atol=1e-6)
    model.generator_optimizer.iterations.assign(0)
    np.testing.assert_array_equal(first, model.forward(_batch())["restored"])


def test_pixel_loss_by_hand():
    """HRB off by 0.1, HR by 0.2, 25 % of it masked in: 0.1 + 0.2 + 0.05 = 0.35; times 100."""
    model = _model(discriminators="none")
    batch = _batch()
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
    assert _total(terms) == pytest.approx(35.0, rel=1e-5)


@pytest.mark.parametrize("kind", ["conv7", "patch5"])
def test_adversarial_losses_at_one_half(kind):
    """D = 0.5: 0.25 + 0.25 for each discriminator, 1 for both; 0.25 twice for the generator."""
    model = _model(discriminator_type=kind, local_start_step=0, pixel_weight=0.0)
    last = {"conv7": 7, "patch5": 5}[kind]
    for name, discriminator in model.discriminators.items():
        layer = discriminator.get_layer(f"{name}{last}")
        layer.kernel.assign(tf.zeros_like(layer.kernel))
        layer.bias.assign([0.5])
    batch = _batch()
    outputs = model.forward(batch)
    losses = [
        _total(model.discriminator_terms(name, batch, outputs)) for name in ("global", "local")
    ]
    assert losses == pytest.approx([0.5, 0.5])
    terms = model.generator_terms(batch, outputs)
    assert set(terms) == {"global_adversarial", "local_adversarial"}
    assert _total(terms) == pytest.approx(0.5)


def test_the_global_discriminator_sees_the_enlarged_input_and_the_local_one_the_face():
    model = _model(local_start_step=0)
    batch = _batch()
    outputs = {"restored": batch["target"] * 0.5, "upscaled": batch["hr_blurry"]}

    def losses(**changes):
        changed = {**outputs, **changes}
        return [
            _total(model.discriminator_terms(name, batch, changed)) for name in ("global", "local")
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
    model = _model()
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
    model = _model(pixel_weight=0.0, local_start_step=0)
    batch = _batch()
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
    model = _model(local_start_step=3)
    assert model.phase_starts == (0, 3)
    batch = _batch()
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
        model = _model(**fields)
        assert model.phase_starts == (0,)
        assert model.active_discriminators() == names


def test_a_step_moves_every_weight_but_those_that_stand_still():
    model = _compiled(local_start_step=1)
    config = model.config
    networks = model.networks

    def step():
        before = {name: network.get_weights() for name, network in networks.items()}
        logs = model.train_step(_batch(count=3))
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
    model = _model(**fields)
    config = model.config
    if difference is not None:
        base = _networks()[1]
        assert model.network.count_params() == base.count_params() + difference
    assert set(model.discriminators) == judged
    batch = _batch(config.input_size)
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
    model = _model(norm="in", local_start_step=0)
    assert model.config.minimum_batch_size == 1
    assert not [v for v in model.network.weights if "moving" in v.name]
    batch = _batch(count=1)
    assert np.isfinite(_total(model.generator_terms(batch, model.forward(batch))))


def test_noise_stays_on_in_use_and_follows_the_step_in_training():
    model = _model(noise=True, discriminators="none")
    batch = _batch(count=1)
    assert not np.allclose(model(batch["degraded"]), model(batch["degraded"]), atol=1e-4)
    first, again = (model.forward(batch)["restored"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_noise_follows_every_convolution_that_emits_no_image():
    network = _networks(noise=True)[1]
    noises = {name for name in _names(network) if name.endswith("_noise")}
    blocks = [f"up{n}" for n in range(1, 5)] + [f"encode{n}" for n in range(1, 8)]
    blocks += [f"restored{n}" for n in range(2, 8)] + [f"blurry{n}" for n in range(2, 5)]
    assert noises == {f"{block}_noise" for block in blocks}
    layers = [network.get_layer(name) for name in noises]
    assert len({layer.seed for layer in layers}) == len(layers)
    assert {(layer.mean, layer.std) for layer in layers} == {(0.0, 0.1)}


def test_colourisation_sees_the_luma_alone():
    degraded = _batch()["degraded"].numpy()
    grey = np.repeat(degraded @ np.float32([[0.299], [0.587], [0.114]]), 3, axis=-1)
    for grayscale, same in ((True, True), (False, False)):
        generator = _networks(**({"grayscale_input": True} if grayscale else {}))[0]
        assert np.allclose(generator(degraded), generator(grey), atol=1e-5) is same


def test_bicubic_stands_for_the_five_layer_cnn():
    from tfdeblur.images.resize import upscale

    batch = _batch()
    upscaled = _model(use_upcnn=False, discriminators="none").forward(batch)["upscaled"]
    expected = [2 * upscale(image.numpy(), 8) - 1 for image in batch["degraded"]]
    np.testing.assert_allclose(upscaled, expected, atol=1e-5)


def test_perceptual_term_sums_the_taps():
    """An error of 0.1 in each of five taps."""
    model = _model(perceptual_weight=10.0, pixel_weight=0.0, discriminators="none")
    batch = _batch()
    outputs = {"restored": batch["target"] + 0.1, "blurry": None, "upscaled": None}
    terms = model.generator_terms(batch, outputs)
    assert set(terms) == {"perceptual"} and terms["perceptual"].weight == 10.0
    np.testing.assert_allclose(terms["perceptual"].values, [0.5, 0.5], rtol=1e-4)


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_compile_loads_the_taps_of_the_variant(variant, monkeypatch):
    received = []

    def build(taps, weights, normalised):
        received.append((taps, weights, normalised))
        return _features

    monkeypatch.setattr(two_branch, "build_torch_vgg19", build)
    config = _tiny(
        perceptual_weight=10.0, vgg_variant=variant, vgg_weights="there.h5", discriminators="none"
    )
    model = TwoBranch(config, *_networks(), None)
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
    batch = _batch()
    del batch["face_mask"]
    with pytest.raises(
        ValueError, match="`hr_blurry` and `face_mask`. Got: degraded, target, hr_b"
    ):
        _model().forward(batch)


def test_mixed_precision_keeps_images_and_weights_in_float32():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = _tiny(local_start_step=0).build()
        model.compile(
            keras.optimizers.Adam(), {name: keras.optimizers.Adam() for name in ("global", "local")}
        )
        logs = model.train_step(_batch())
        outputs = model.forward(_batch())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert all(np.isfinite(value) for value in logs.values())
    assert {image.dtype for image in outputs.values()} == {tf.float32}
    weights = [*model.network.weights, *model.discriminators["local"].weights]
    assert {variable.dtype for variable in weights} == {tf.float32}


@pytest.mark.parametrize("bicubic", [False, True], ids=["whole", "bicubic front end"])
def test_converts_to_tensorflow_lite_at_its_one_size(bicubic):
    """Behind its front end, "Model 1" is the same network."""
    generator, _ = _networks(**({"use_upcnn": False} if bicubic else {}))
    if bicubic:
        generator = keras.Model(generator.input, generator.get_layer("encode1").output)
    degraded = _batch(count=1)["degraded"]
    restored = Converted(generator, degraded.shape, generator.weights)(degraded)
    assert restored.shape[1:] == ((64, 64, W) if bicubic else (128, 128, 3))
    np.testing.assert_allclose(restored, generator(degraded), atol=1e-4)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("input_size", 64, "`input_size` must be one of .* Got: 64"),
        ("norm", "none", "`norm` must be one of .* Got: 'none'"),
        ("discriminators", "local", "`discriminators` must be one of"),
        ("discriminator_type", "patch", "`discriminator_type` must be one of"),
        ("vgg_variant", "pool", "`vgg_variant` must be one of"),
        ("channels", 1, "`channels` must be one of .* Got: 1"),
        ("width", 0, "`width` must be at least 1. Got: 0"),
        ("local_start_step", -1, "`local_start_step` must be at least 0. Got: -1"),
        ("pixel_weight", -1.0, "`pixel_weight` must be at least 0 and finite. Got: -1.0"),
        ("perceptual_weight", float("nan"), "`perceptual_weight` must be at least 0 and finite"),
        ("noise_std", float("inf"), "`noise_std` must be at least 0 and finite. Got: inf"),
        ("noise_mean", float("nan"), "`noise_mean` must be finite. Got: nan"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        TwoBranchConfig(**{field: value}).build()


def test_an_objective_without_terms_is_refused():
    config = TwoBranchConfig(pixel_weight=0.0, perceptual_weight=0.0, discriminators="none")
    with pytest.raises(
        ValueError, match="One of .*'pixel_weight'.* must be positive. Got: no term"
    ):
        config.validate()
