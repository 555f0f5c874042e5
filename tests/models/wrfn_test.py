"""WRFN against its paper: counts, receptive fields, switches, colour, loss and gradients."""

import numpy as np
import pytest
import tensorflow as tf
from converted import Converted

from tfdeblur.layers.resampling import strided_kernel
from tfdeblur.models.wrfn import WRFNConfig, _residual_block, receptive_field
from tfdeblur.stack import keras
from tfdeblur_configs import wrfn_faces


def _tiny(**fields) -> WRFNConfig:
    """A small network that does not start at the identity, unless `fields` say otherwise."""
    return WRFNConfig(**{"width": 4, "blocks": 1, "zero_init_output": False, **fields})


def _build(config: WRFNConfig) -> keras.Model:
    keras.utils.set_random_seed(0)
    return config.build_generator()


def _images(*shape: int) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed=(1, 2))


def _compiled(config: WRFNConfig, learning_rate=1e-3):
    keras.utils.set_random_seed(0)
    model = config.build()
    model.compile(keras.optimizers.Adam(learning_rate))
    return model


def _batch(side=15, count=2):
    return {
        "degraded": _images(count, side, side, 1),
        "target": 1.0 - _images(count, side, side, 1),
    }


@pytest.mark.parametrize(
    "stride, blocks, width, count",
    [(5, 8, 96, 1_432_666), (4, 11, 84, 1_467_661), (4, 11, 96, 1_902_673)],
)
def test_parameter_counts_of_the_paper(stride, blocks, width, count):
    """§5: 18 b C^2 + 34 C s^2 + 19008 in kernels, of which 19008 blend; 1,432,666 in all."""
    generator = WRFNConfig(stride=stride, blocks=blocks, width=width).build_generator()
    assert generator.count_params() == count
    kernels = {v.name: int(np.prod(v.shape)) for v in generator.weights if "kernel" in v.name}
    formula = 18 * blocks * width**2 + 34 * width * stride**2 + 19_008
    assert sum(kernels.values()) == formula
    assert sum(n for name, n in kernels.items() if name.startswith("blend")) == 19_008
    if stride == 5:  # 7.7 billion products for 320x320 pixels, 64x64 cells of the resampled grid.
        products = (formula - 19_008) * 64**2 + 19_008 * 320**2
        assert products == pytest.approx(7.7e9, rel=0.005)


def test_switches_change_no_count_but_the_norms():
    """2 (b C + 32) gammas and as many betas; a batch norm has as many moments again."""
    counts = {
        str(fields): _tiny(**fields).build_generator().count_params()
        for fields in (
            {},
            {"swap": True},
            {"block_order": "post"},
            {"resampling": "strided"},
            {"skip_resampled": False, "skip_output": False},
        )
    }
    assert len(set(counts.values())) == 1, counts
    whole = counts["{}"]
    affine = 2 * 2 * (1 * 4 + 32)
    assert _tiny(norm="none").build_generator().count_params() == whole - affine
    assert _tiny(norm="bn").build_generator().count_params() == whole + affine


def test_receptive_field_as_the_paper_counts_it():
    assert (receptive_field(5, 8), receptive_field(4, 11)) == (193, 204)


def _extents(outputs: tf.Tensor, degraded: tf.Variable, tape: tf.GradientTape) -> tuple[int, int]:
    """Return the first and the last column that `outputs` depends on; rows must be the same."""
    gradient = tape.gradient(outputs, degraded).numpy()[0, :, :, 0]
    rows, columns = (np.flatnonzero(gradient.sum(axis=axis)) for axis in (1, 0))
    np.testing.assert_array_equal(rows, columns)
    np.testing.assert_array_equal(columns, np.arange(columns[0], columns[-1] + 1))
    return int(columns[0]), int(columns[-1])


def _open(config: WRFNConfig) -> keras.Model:
    """A network of ones: on positive images every ReLU is open and no gradient cancels."""
    generator = config.build_generator()
    generator.set_weights([np.ones_like(weight) for weight in generator.get_weights()])
    return generator


@pytest.mark.parametrize(
    "fields, sides",
    [
        ({"stride": 5, "blocks": 8}, [200, 205, 205, 205, 200]),
        ({"stride": 4, "blocks": 11}, [212] * 4),
    ],
)
def test_receptive_field_of_each_phase_and_the_halo(fields, sides):
    """By gradients, without a norm: one pixel reaches 200 or 205 pixels by its place in a cell."""
    config = WRFNConfig(width=1, norm="none", **fields)
    generator, stride = _open(config), config.stride
    middle = -(-config.halo // stride) * stride
    degraded = tf.Variable(tf.fill((1, 2 * middle + stride, 2 * middle + stride, 1), 1e-6))
    reached = []
    for phase in range(stride):
        pixel = middle + phase
        with tf.GradientTape() as tape:
            restored = generator(degraded, training=False)[0, pixel, pixel]
        first, last = _extents(restored, degraded, tape)
        reached.append((pixel - first, last - pixel))
    assert [before + 1 + after for before, after in reached] == sides
    assert max(max(pair) for pair in reached) == config.halo


@pytest.mark.parametrize("swap, first, deblurred", [(False, 25, 195), (True, 15, 195)])
def test_receptive_field_of_the_layers(swap, first, deblurred):
    """§4.2: 5s = 25 after the first layer; swapped, 3s = 15 (§5). A cell of the last: 195."""
    generator = _open(WRFNConfig(width=1, norm="none", swap=swap))
    degraded = tf.Variable(tf.fill((1, 205, 205, 1), 1e-6))
    for name, side in (("deblur_first", first), ("deblur_last", deblurred)):
        part = keras.Model(generator.input, generator.get_layer(name).output)
        with tf.GradientTape() as tape:
            cell = part(degraded)[0, 20, 20]
        start, end = _extents(cell, degraded, tape)
        assert end - start + 1 == side


def test_instance_norm_sees_the_whole_image():
    assert WRFNConfig().halo is None
    assert WRFNConfig(norm="bn").halo == WRFNConfig(norm="none").halo == 103
    generator = _build(_tiny())
    images = _images(1, 200, 10, 1).numpy()
    altered = images.copy()
    altered[:, 0] = 1.0 - altered[:, 0]
    assert not np.array_equal(generator(images)[:, -1], generator(altered)[:, -1])


@pytest.mark.parametrize("norm", ["none", "bn"])
def test_halo_covers_the_receptive_field(norm):
    config = _tiny(norm=norm, stride=3)
    generator, halo = _build(config), config.halo
    images = _images(1, 4, 2 * halo + 5, 2).numpy()
    altered = images.copy()
    altered[:, :, :2] = 1.0 - altered[:, :, :2]
    first, second = (generator(image).numpy()[:, :, halo + 2 :] for image in (images, altered))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("norm", ["in", "none"])
@pytest.mark.parametrize("height, width, channels", [(7, 13, 1), (1, 1, 3), (10, 6, 3), (1, 9, 2)])
def test_generator_takes_any_size(norm, height, width, channels):
    restored = _build(_tiny(norm=norm))(_images(2, height, width, channels))
    assert restored.shape == (2, height, width, channels)
    assert restored.dtype == tf.float32
    assert np.isfinite(restored).all()


def test_odd_sides_are_reflected_up_to_the_stride():
    generator = _build(_tiny())
    images = _images(1, 7, 13, 1)
    padded = np.pad(images, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(generator(images), generator(padded)[:, :7, :13])


@pytest.mark.parametrize("norm", ["in", "bn", "none"])
def test_colour_is_restored_channel_by_channel(norm):
    generator = _build(_tiny(norm=norm))
    images = _images(2, 10, 13, 3)
    grey = [generator(images[..., index : index + 1]) for index in range(3)]
    np.testing.assert_allclose(generator(images), tf.concat(grey, axis=-1), atol=1e-6)
    assert float(tf.reduce_max(tf.abs(grey[0] - images[..., :1]))) > 0.01


def test_training_starts_at_the_identity():
    images = _images(2, 9, 11, 3)
    np.testing.assert_array_equal(_build(_tiny(zero_init_output=True))(images), images)
    for fields in ({"zero_init_output": False}, {"zero_init_output": True, "skip_output": False}):
        generator = _build(_tiny(**fields))
        assert np.any(generator.get_layer("blend_last").kernel.numpy())


def test_skips_add_the_blurry_image():
    images = _images(2, 10, 15, 1)

    def observe(**fields):
        generator = _build(_tiny(**fields))
        outputs = [generator.get_layer("blend_first").input, generator.output]
        return keras.Model(generator.input, outputs)(images)

    sharper, restored = observe()
    np.testing.assert_allclose(
        sharper - observe(skip_resampled=False)[0], images, rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(restored - observe(skip_output=False)[1], images, rtol=0, atol=1e-6)


def test_strided_form_is_equal():
    resampled, strided = (_build(_tiny(resampling=form)) for form in ("space_to_depth", "strided"))
    weights = resampled.get_weights()
    strided.set_weights([strided_kernel(weights[0], 5), *weights[1:]])
    images = _images(2, 15, 20, 1)
    np.testing.assert_allclose(strided(images), resampled(images), atol=1e-5)


def test_swap_moves_the_large_kernel():
    for swap, sizes in ((False, [5, 3]), (True, [3, 5])):
        generator = _build(_tiny(swap=swap))
        kernels = [generator.get_layer(name).kernel for name in ("deblur_first", "deblur_last")]
        assert [kernel.shape[0] for kernel in kernels] == sizes


def _block(order: str, norm: str, channels: int) -> keras.Model:
    x = keras.Input((None, None, channels))
    return keras.Model(x, _residual_block(x, WRFNConfig(block_order=order, norm=norm), "block"))


@pytest.mark.parametrize("order, restored", [("pre", [-1.0, 2.0]), ("post", [0.0, 2.0])])
def test_residual_block_by_hand(order, restored):
    """The first convolution negates, the second copies.

    pre: -1 -> ReLU 0 -> 0, 2 -> -2 -> ReLU 0; post: -1 -> 1 -> ReLU 1, 2 -> -2 -> ReLU 0.
    """
    block = _block(order, "none", 1)
    centre = np.zeros((3, 3, 1, 1), np.float32)
    centre[1, 1] = 1.0
    block.set_weights([-centre, np.zeros(1), centre, np.zeros(1)])
    values = block(tf.reshape([-1.0, 2.0], (1, 1, 2, 1)))
    np.testing.assert_allclose(values[0, 0, :, 0], restored)


@pytest.mark.parametrize("order, ends_in_norm", [("pre", False), ("post", True)])
def test_post_order_ends_in_a_norm(order, ends_in_norm):
    images = _images(2, 8, 9, 3)
    mean = np.mean(_block(order, "in", 3)(images) - images, axis=(1, 2))
    assert bool(np.abs(mean).max() < 1e-5) is ends_in_norm


@pytest.mark.parametrize("norm", ["in", "bn"])
@pytest.mark.parametrize("order, biases", [("pre", {"conv1"}), ("post", {"conv1", "conv2"})])
def test_biases_in_front_of_a_norm_have_no_gradient(norm, order, biases):
    config = _tiny(norm=norm, block_order=order)
    model, batch = _compiled(config), _batch()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.generator_terms(batch, model.forward(batch))["pixel"].values)
    gradients = tape.gradient(loss, model.generator.trainable_variables)
    still = {
        variable.name
        for gradient, variable in zip(gradients, model.generator.trainable_variables, strict=True)
        if np.abs(gradient).max() < 1e-6
    }
    expected = {f"{block}_{name}/bias:0" for block in ("block1", "blend_block") for name in biases}
    assert still == expected
    assert all(name.endswith(config.unmoved_weights) for name in still)


@pytest.mark.parametrize("loss, value", [("mse", 0.01), ("l1", 0.1)])
def test_loss_of_a_constant_error(loss, value):
    target = tf.fill((2, 5, 5, 1), 0.5)
    terms = _tiny(loss=loss).build().generator_terms({"target": target}, {"restored": target - 0.1})
    assert list(terms) == ["pixel"] and terms["pixel"].weight == 1.0
    np.testing.assert_allclose(terms["pixel"].values, [value, value], rtol=1e-5)


@pytest.mark.parametrize("norm", ["in", "bn", "none"])
@pytest.mark.parametrize("fields", [{}, {"block_order": "post"}, {"resampling": "strided"}])
def test_step_moves_every_weight(norm, fields):
    model = _compiled(_tiny(norm=norm, **fields))
    before = model.generator.get_weights()
    assert set(model.train_step(_batch())) == {"loss", "pixel", "gradient_norm"}
    for old, variable in zip(before, model.generator.weights, strict=True):
        if not variable.name.endswith(model.config.unmoved_weights or ("none",)):
            assert not np.array_equal(old, variable.numpy()), f"{variable.name} stood still"


def test_from_the_identity_the_second_step_moves_every_weight():
    model = _compiled(_tiny(zero_init_output=True))
    moved = []
    for _ in range(2):
        before = model.generator.get_weights()
        model.train_step(_batch())
        moved.append(
            {
                variable.name
                for old, variable in zip(before, model.generator.weights, strict=True)
                if not np.array_equal(old, variable.numpy())
            }
        )
    assert moved[0] == {"blend_last/kernel:0", "blend_last/bias:0"}
    names = {variable.name for variable in model.generator.weights}
    assert all(name.endswith(model.config.unmoved_weights) for name in names - moved[1])


@pytest.mark.parametrize("norm", ["in", "none"])
def test_overfits_one_pair_at_the_papers_rate(norm):
    """A blurred edge; Adam 2e-3, from the identity."""
    model = _compiled(WRFNConfig(width=8, blocks=1, norm=norm), learning_rate=2e-3)
    target = np.zeros((1, 20, 20, 1), np.float32)
    target[:, :, 10:] = 1.0
    degraded = tf.nn.avg_pool2d(target, 7, 1, "SAME")
    batch = {"degraded": degraded, "target": tf.constant(target)}
    step = tf.function(model.train_step)
    losses = [float(step(batch)["loss"]) for _ in range(60)]
    assert losses[0] == pytest.approx(float(tf.reduce_mean((degraded - target) ** 2)))
    assert losses[-1] < 0.2 * losses[0]
    assert max(losses) < 2.0 * losses[0]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_the_statistics_and_the_image(policy):
    """Mean 0 and variance 1 to 1 % at 320 x 320; from the identity, not a bit of the image lost."""
    keras.mixed_precision.set_global_policy(policy)
    try:
        generator = _build(_tiny(zero_init_output=True))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert {variable.dtype for variable in generator.weights} == {tf.float32}
    assert generator.get_layer("block1_conv1").compute_dtype == policy.removeprefix("mixed_")
    names = ("block1_norm1", "block1_norm2", "blend_block_norm2", "restored")
    outputs = [generator.get_layer(name).output for name in names]
    images = _images(2, 320, 320, 1)
    *normalised, restored = keras.Model(generator.input, outputs)(images)
    for features in normalised:
        assert features.dtype == tf.float32
        np.testing.assert_allclose(
            tf.reduce_mean(features, (1, 2)), np.zeros_like(features[:, 0, 0]), atol=0.01
        )
        np.testing.assert_allclose(
            tf.math.reduce_variance(features, (1, 2)), np.ones_like(features[:, 0, 0]), rtol=0.01
        )
    np.testing.assert_array_equal(restored, images)


@pytest.mark.parametrize(
    "channels, fields",
    [(3, {}), (1, {}), (3, {"norm": "bn"}), (3, {"norm": "none", "resampling": "strided"})],
)
def test_tensorflow_lite_gives_the_same_pixels(channels, fields):
    generator = _build(_tiny(**fields))
    converted = Converted(generator, (1, None, None, channels), generator.weights)
    for height, width in ((11, 18), (23, 7)):
        images = _images(1, height, width, channels)
        np.testing.assert_allclose(converted(images), generator(images), atol=1e-4)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("norm", "gn", "`norm` must be one of .*'in', 'bn', 'none'.* Got: 'gn'."),
        ("block_order", "mid", "`block_order` must be one of"),
        ("resampling", "atrous", "`resampling` must be one of"),
        ("loss", "l2", "`loss` must be one of"),
        ("channels", 0, "`channels` must be at least 1. Got: 0"),
        ("stride", 0, "`stride` must be at least 1. Got: 0"),
        ("width", -1, "`width` must be at least 1. Got: -1"),
        ("blocks", 0, "`blocks` must be at least 1. Got: 0"),
    ],
)
def test_bad_fields_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        WRFNConfig(**{field: value}).build()


def test_experiment_has_the_papers_learning_rates():
    """§5: 2e-3, a tenth less after every 12,000 of 120,000 steps."""
    config = wrfn_faces.get_config()
    config.validate()
    assert (config.train.steps, config.train.batch_size) == (120_000, 48)
    optimizer = config.optimizer.build(config.train.steps)
    rates = []
    for step in (0, 11_999, 12_000, 24_000, 119_999):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer._learning_rate(optimizer.iterations)))
    np.testing.assert_allclose(rates, [2e-3, 2e-3, 1.8e-3, 1.62e-3, 7.748e-4], rtol=1e-4)
    with pytest.raises(ValueError, match="variant must be 'quicktest' or none. Got: 'small'"):
        wrfn_faces.get_config("small")
