"""Two-branch network against its paper: counts, shapes, norms, receptive fields, dropout."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted
from tiny_two_branch import (
    W,
    compiled_model,
    face_batch,
    names,
    tiny_config,
    tiny_model,
    tiny_networks,
)

from tfdeblur.models.two_branch import TwoBranchConfig, build_discriminator, build_networks
from tfdeblur.stack import keras


def _trainable(network) -> int:
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


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
    model = tiny_model(input_size=size, discriminators="none")
    batch = face_batch(size)
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
    batch, instance = (tiny_networks(norm=norm)[1] for norm in ("bn", "in"))
    norms = {f"{name}_norm" for name in normed}
    assert {name for name in names(batch) if name.endswith("_norm")} == norms
    # An instance norm of one value would be constant.
    assert {name for name in names(instance) if name.endswith("_norm")} == norms - {"encode7_norm"}
    without_bias = [
        layer.name for layer in batch.layers if hasattr(layer, "use_bias") and not layer.use_bias
    ]
    assert sorted(without_bias) == ["up1", "up2", "up3", "up4", "up5"]


def test_the_innermost_level_matters_with_either_norm():
    degraded = face_batch()["degraded"]
    for norm in ("bn", "in"):
        network = tiny_networks(norm=norm)[1]
        innermost = keras.Model(network.input, network.get_layer("restored7_relu").input)
        values = innermost([degraded, tf.zeros([1], tf.int64)]).numpy()
        assert values.shape == (2, 1, 1, 32)
        assert not np.allclose(values[0], values[1], atol=1e-6)


def test_branches_share_four_levels_and_join_at_the_end():
    """I_f reaches both images; what lies below level 4 reaches the sharp one only."""
    model = tiny_model(discriminators="none")
    outputs = model.forward(face_batch())
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
        changed = model.forward(face_batch())
        kernel.assign(before)
        differing = {name for name in outputs if not np.array_equal(outputs[name], changed[name])}
        assert differing == reached, layer


@pytest.mark.parametrize("shape", [(1, 40, 16, 3), (1, 17, 17, 3), (1, 32, 32, 3)])
def test_another_size_is_refused(shape):
    """As it is where sizes are open when a graph is built: see the layer's own test."""
    generator, network = tiny_networks()
    assert generator.get_layer("input").side == network.get_layer("input").side == 16
    height, width = shape[1:3]
    with pytest.raises(ValueError, match=f"16x16 px for this network. Got: {height}x{width}"):
        generator(tf.zeros(shape))


def test_the_generator_has_the_networks_weights_and_no_dropout():
    model = tiny_model(discriminators="none")
    own = {id(variable) for variable in model.network.weights}
    assert {id(variable) for variable in model.generator.weights} <= own
    degraded = face_batch()["degraded"]
    np.testing.assert_array_equal(model(degraded), model(degraded))
    dropouts = {name for name in names(model.network) if name.endswith("_dropout")}
    assert dropouts == {"restored7_dropout", "restored6_dropout"}  # Level 8 is not there for 16 px.
    assert not any(name.endswith("_dropout") for name in names(model.generator))


def test_dropout_is_a_function_of_the_step():
    model = compiled_model(discriminators="none")
    first, again = (model.forward(face_batch())["restored"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    model.generator_optimizer.iterations.assign(1)
    other = model.forward(face_batch())["restored"]
    assert not np.allclose(first, other, atol=1e-6)
    model.generator_optimizer.iterations.assign(0)
    np.testing.assert_array_equal(first, model.forward(face_batch())["restored"])


def test_mixed_precision_keeps_images_and_weights_in_float32():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = tiny_config(local_start_step=0).build()
        model.compile(
            keras.optimizers.Adam(), {name: keras.optimizers.Adam() for name in ("global", "local")}
        )
        logs = model.train_step(face_batch())
        outputs = model.forward(face_batch())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert all(np.isfinite(value) for value in logs.values())
    assert {image.dtype for image in outputs.values()} == {tf.float32}
    weights = [*model.network.weights, *model.discriminators["local"].weights]
    assert {variable.dtype for variable in weights} == {tf.float32}


@pytest.mark.parametrize("bicubic", [False, True], ids=["whole", "bicubic front end"])
def test_converts_to_tensorflow_lite_at_its_one_size(bicubic):
    """Behind its front end, "Model 1" is the same network."""
    generator, _ = tiny_networks(**({"use_upcnn": False} if bicubic else {}))
    if bicubic:
        generator = keras.Model(generator.input, generator.get_layer("encode1").output)
    degraded = face_batch(count=1)["degraded"]
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
