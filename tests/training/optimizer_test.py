"""Learning rates of the papers, clipping, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.stack import keras
from tfdeblur.training.optimizer import OptimizerConfig, start_schedules


def _rates(config, steps, total=100):
    """The rates that Adam itself uses at these steps."""
    optimizer = config.build(total)
    return [float(optimizer._learning_rate(tf.constant(step, tf.int64))) for step in steps]


def test_defaults_are_valid_and_constant():
    config = OptimizerConfig()
    config.validate()
    assert float(config.build(10).learning_rate) == pytest.approx(2e-4)


def test_cosine_schedule_ends_at_zero_and_warms_up():
    config = OptimizerConfig(learning_rate=1.0, schedule="cosine", warmup_steps=10)
    config.validate()
    assert _rates(config, (5, 10, 60, 110), 110) == pytest.approx([0.5, 1.0, 0.5, 0.0], abs=1e-6)


def test_staircase_of_wrfn():
    """2e-3 * 0.9 ** floor(step / 12000); at the last of 120,000 steps 2e-3 * 0.9^9."""
    config = OptimizerConfig(
        learning_rate=2e-3, schedule="staircase", decay_rate=0.9, decay_steps=12_000
    )
    config.validate()
    steps = (0, 11_999, 12_000, 23_999, 24_000, 119_999)
    wanted = [2e-3, 2e-3, 1.8e-3, 1.8e-3, 1.62e-3, 7.748e-4]
    assert _rates(config, steps) == pytest.approx(wanted, rel=1e-4)


def test_pieces_of_gfn_change_at_their_own_step():
    """Epochs of 10 steps: 1e-4 for 30, 1e-5 for 30, 5e-5 for 25, 5e-6."""
    config = OptimizerConfig(
        learning_rate=1e-4,
        schedule="piecewise",
        boundaries=(300, 600, 850),
        rates=(1e-4, 1e-5, 5e-5, 5e-6),
    )
    config.validate()
    steps = (0, 299, 300, 599, 600, 849, 850, 5000)
    wanted = [1e-4, 1e-4, 1e-5, 1e-5, 5e-5, 5e-5, 5e-6, 5e-6]
    assert _rates(config, steps) == pytest.approx(wanted)


@pytest.mark.parametrize("schedule", ["constant", "staircase", "cosine"])
def test_discriminators_have_a_rate_of_their_own(schedule):
    config = OptimizerConfig(
        learning_rate=1.0, schedule=schedule, decay_steps=2, discriminator_learning_rate=0.25
    )
    config.validate()
    moved = []
    for build in (config.build, config.build_for_discriminator):
        variable = tf.Variable(0.0)
        optimizer = build(8)
        for _ in range(3):
            optimizer.apply_gradients([(tf.constant(1.0), variable)])
        moved.append(variable.numpy())
    assert moved[1] == pytest.approx(0.25 * moved[0], rel=1e-4)


def test_a_schedule_counts_the_steps_of_the_run():
    """An optimizer that was reset at step 3 of a run takes the rates of steps 3, 4, …"""
    config = OptimizerConfig(learning_rate=1.0, schedule="piecewise", boundaries=(4,), rates=(1, 9))
    config.validate()
    optimizer = config.build(10)
    start_schedules(optimizer, [], 3)
    variable, rates = tf.Variable(0.0), []
    for _ in range(2):
        optimizer.apply_gradients([(tf.constant(1.0), variable)])
        rates.append(float(optimizer.learning_rate))
    assert rates == [1.0, 9.0]
    start_schedules(OptimizerConfig().build(10), [], 3)  # A constant rate has no steps to count.


def test_all_schedules_count_the_steps_of_the_run():
    """A critic makes five updates a step; a discriminator joins at step 2."""
    config = OptimizerConfig(learning_rate=1.0, schedule="piecewise", boundaries=(2,), rates=(1, 9))
    generator, critic, late = config.build(4), *(config.build_for_discriminator(4) for _ in "ab")
    start_schedules(generator, [critic, late], 0)
    variables = {id(each): tf.Variable(0.0) for each in (generator, critic, late)}
    rates = {id(each): [] for each in (generator, critic, late)}
    for step in range(4):
        for each in [critic] * 5 + [late] * (step >= 2) + [generator]:
            each.apply_gradients([(tf.constant(1.0), variables[id(each)])])
            rates[id(each)].append(float(each.learning_rate))
    assert rates[id(generator)] == [1.0, 1.0, 9.0, 9.0]
    assert rates[id(critic)] == [1.0] * 10 + [9.0] * 10
    assert rates[id(late)] == [9.0, 9.0]


def test_gradients_are_clipped_to_their_global_norm():
    """Adam's first moment after one step is 0.1 * (3, 4) / 5 * 1: clipped from norm 5 to 1."""
    config = OptimizerConfig(beta_1=0.9, clip_norm=1.0)
    config.validate()
    first, second = tf.Variable([0.0]), tf.Variable([0.0])
    optimizer = config.build(10)
    optimizer.build([first, second])
    optimizer.apply_gradients([(tf.constant([3.0]), first), (tf.constant([4.0]), second)])
    moments = np.concatenate([moment.numpy() for moment in optimizer._momentums])
    np.testing.assert_allclose(moments, [0.06, 0.08], rtol=1e-5)
    assert config.build_for_discriminator(10).global_clipnorm is None
    assert OptimizerConfig().build(10).global_clipnorm is None


def test_clipping_comes_after_the_loss_scale_is_taken_out():
    """Gradients of norm 0.5 are below the clip norm 1, however large the loss scale is."""
    inner = OptimizerConfig(beta_1=0.9, clip_norm=1.0).build(10)
    optimizer = keras.mixed_precision.LossScaleOptimizer(inner)
    variable = tf.Variable([0.0])
    optimizer.build([variable])
    assert float(optimizer.loss_scale) > 1000
    gradients = optimizer.get_unscaled_gradients([0.5 * optimizer.loss_scale * tf.ones(1)])
    optimizer.apply_gradients(zip(gradients, [variable], strict=True))
    np.testing.assert_allclose(inner._momentums[0], [0.05], rtol=1e-5)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"learning_rate": 0.0}, "learning_rate` must be positive and finite. Got: 0.0"),
        ({"epsilon": 0.0}, "epsilon` must be positive and finite. Got: 0.0"),
        ({"beta_2": 1.0}, "beta_2` must be at least 0 and below 1. Got: 1.0"),
        ({"schedule": "step"}, "schedule` must be one of .* Got: 'step'"),
        ({"warmup_steps": 5}, "warmup_steps` must be .* Got: 5 with 'constant'"),
        ({"schedule": "staircase", "warmup_steps": 5}, "Got: 5 with 'staircase'"),
        ({"decay_rate": 0.0}, "decay_rate` must be above 0 and at most 1. Got: 0.0"),
        ({"decay_rate": 1.1}, "decay_rate` must be above 0 and at most 1. Got: 1.1"),
        ({"decay_steps": 0}, "decay_steps` must be at least 1. Got: 0"),
        ({"boundaries": (3,)}, "need the piecewise schedule. Got: 'constant'"),
        ({"clip_norm": -1.0}, "clip_norm` must be at least 0 and finite. Got: -1.0"),
        ({"clip_norm": float("nan")}, "clip_norm` must be at least 0 and finite. Got: nan"),
        (
            {"discriminator_learning_rate": -1e-4},
            "discriminator_learning_rate` must be at least 0 and finite. Got: -0.0001",
        ),
    ],
)
def test_fields_out_of_range_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**fields).validate()


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"boundaries": (5, 5), "rates": (1, 1, 1)}, r"later than the one before. Got: \(5, 5\)"),
        ({"boundaries": (0,), "rates": (1, 1)}, r"later than the one before. Got: \(0,\)"),
        ({"rates": (1,)}, r"must be one step at least, .* Got: \(\)"),
        ({"boundaries": (5,), "rates": (1,)}, "rates` must be 2, one more .* Got: 1"),
        ({"boundaries": (5,), "rates": (1, -1)}, r"positive and finite. Got: \(1, -1\)"),
        ({"boundaries": (5,), "rates": (2, 1)}, "must be the first of .*, 2. Got: 1.0"),
        (
            {"boundaries": (5,), "rates": (1, 1), "discriminator_learning_rate": 0.5},
            "must be 0 with the piecewise schedule. Got: 0.5",
        ),
    ],
)
def test_pieces_that_do_not_fit_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(learning_rate=1.0, schedule="piecewise", **fields).validate()
