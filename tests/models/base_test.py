"""The train step and its contract: what is updated, how often, by which phase."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.losses.pixel import squared_error
from tfdeblur.models.base import RestorationGAN, RestorationModel, Term, objective
from tfdeblur.stack import keras


def _generator(name="generator"):
    """One weight, the gain: restored = gain * degraded."""
    degraded = keras.Input((None, None, 1))
    gain = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="gain")
    return keras.Model(degraded, gain(degraded), name=name)


def _critic(name):
    """One weight: logits = weight * mean."""
    image = keras.Input((None, None, 1))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    weight = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="weight")
    return keras.Model(image, weight(mean), name=name)


class Toy(RestorationGAN):
    """Two critics; the second one is off in phase 0."""

    second_on = False

    @property
    def phase_starts(self):
        return (0, 4)

    def enter_phase(self, phase):
        self.second_on = phase > 0

    def active_discriminators(self):
        return ("first", "second") if self.second_on else ("first",)

    def generator_terms(self, batch, outputs):
        terms = {"pixel": Term(1.0, squared_error(batch["target"], outputs["restored"]))}
        for name in self.active_discriminators():
            logits = self.discriminators[name](outputs["restored"], training=True)
            terms[name] = Term(0.1, -logits[:, 0])
        return terms

    def discriminator_terms(self, name, batch, outputs):
        real, fake = (
            self.discriminators[name](images, training=True)[:, 0]
            for images in (batch["target"], outputs["restored"])
        )
        return {"critic": Term(1.0, fake - real)}


def _toy(learning_rate=0.1):
    model = Toy(_generator(), {name: _critic(name) for name in ("first", "second")})
    model.compile(
        keras.optimizers.SGD(learning_rate),
        {name: keras.optimizers.SGD(learning_rate) for name in model.discriminators},
    )
    return model


def _weights(model):
    return {
        name: float(network.weights[0].numpy().squeeze())
        for name, network in {"generator": model.generator, **model.discriminators}.items()
    }


def _batch(values, gain=2.0):
    """Flat images of these values; the truth is `gain` times as bright."""
    degraded = tf.reshape(tf.constant(values, tf.float32), (-1, 1, 1, 1)) * tf.ones((1, 2, 2, 1))
    return {"degraded": degraded, "target": gain * degraded}


def test_objective_is_the_weighted_sum_of_means():
    terms = {
        "first": Term(2.0, tf.constant([1.0, 3.0])),
        "second": Term(0.5, tf.constant([4.0, 0.0])),
    }
    assert float(objective(terms)) == 2.0 * 2.0 + 0.5 * 2.0


def test_objective_needs_a_term():
    with pytest.raises(ValueError, match="at least one term"):
        objective({})


def test_model_without_objective_says_what_is_missing():
    model = RestorationGAN(_generator(), {"critic": _critic("critic")})
    with pytest.raises(NotImplementedError, match="must override `generator_terms`"):
        model.generator_terms({}, {})
    with pytest.raises(NotImplementedError, match="must override `discriminator_terms`"):
        model.discriminator_terms("critic", {}, {})


def test_compile_wants_an_optimizer_for_every_discriminator():
    model = RestorationModel(_generator(), {"critic": _critic("critic")})
    with pytest.raises(ValueError, match=r"must name every discriminator \['critic'\]"):
        model.compile(keras.optimizers.Adam())


def test_one_step_by_hand():
    """Gain 1, critic weight 1, images of 1 and 3 and their double; the rate is 0.1.

    Critic: loss w (mean fake - mean real) = w (2 - 4): gradient -2, w = 1.2.
    Generator: mean((g v - 2 v)^2) - 0.1 w mean(g v): gradient 2 (g - 2) mean(v^2) - 0.1 w mean(v)
    = -2 * 5 - 0.1 * 1.2 * 2 = -10.24, g = 2.024. It sees the critic after its update.
    """
    model = _toy()
    logs = model.train_step(_batch([1.0, 3.0]))
    weights = _weights(model)
    assert weights["first"] == pytest.approx(1.2)
    assert weights["generator"] == pytest.approx(2.024)
    assert weights["second"] == 1.0
    assert {name: pytest.approx(float(value)) for name, value in logs.items()} == {
        "loss": 5.0 - 0.1 * 1.2 * 2.0,
        "pixel": 5.0,
        "first": -2.4,
        "discriminator_loss": -2.0,
        "first_critic": -2.0,
        "gradient_norm": 10.24,
        "first_gradient_norm": 2.0,
    }


def test_critics_are_updated_on_every_sub_batch_and_the_generator_on_the_last():
    """Sub-batches of 1, 2 and 3; with g = 1 the critic's gradient is -v: w = 1 + 0.1 * 6 = 1.6.

    Generator, on the last alone: 2 (1 - 2) 9 - 0.1 * 1.6 * 3 = -18.48.
    """
    model = _toy()
    model.discriminator_updates = 3
    logs = model.train_step(_batch([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]))
    weights = _weights(model)
    assert weights["first"] == pytest.approx(1.6)
    assert weights["generator"] == pytest.approx(1.0 + 1.848)
    assert float(logs["pixel"]) == pytest.approx(9.0)
    assert float(logs["first_critic"]) == pytest.approx(-(1.0 * 1.0 + 1.1 * 2.0 + 1.3 * 3.0) / 3)
    assert int(model.discriminator_optimizers["first"].iterations) == 3
    assert int(model.generator_optimizer.iterations) == 1


def test_batch_that_does_not_divide_is_refused():
    model = _toy()
    model.discriminator_updates = 3
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="4"):
        model.train_step(_batch([1.0, 1.0, 2.0, 2.0]))


def test_generator_step_leaves_the_critics_and_the_reverse():
    for still, moving in (("generator", "first"), ("first", "generator")):
        model = _toy()
        optimizer = (
            model.generator_optimizer
            if still == "generator"
            else model.discriminator_optimizers[still]
        )
        optimizer.learning_rate = 0.0
        model.train_step(_batch([1.0, 3.0]))
        weights = _weights(model)
        assert weights[still] == 1.0 and weights[moving] != 1.0


def test_a_phase_trains_what_it_switches_on():
    """`fit` keeps its traced step until the train function is made anew."""
    model = _toy()
    data = tf.data.Dataset.from_tensors(_batch([1.0, 3.0])).repeat()
    model.fit(data, steps_per_epoch=2, verbose=0)
    assert _weights(model)["second"] == 1.0
    model.enter_phase(1)
    model.make_train_function(force=True)
    history = model.fit(data, steps_per_epoch=1, verbose=0).history
    assert _weights(model)["second"] != 1.0
    assert {"first_critic", "second_critic", "second"} <= set(history)


def test_phases_begin_at_their_steps():
    model = _toy()
    assert [model.phase_at(step) for step in (0, 3, 4, 100)] == [0, 0, 1, 1]
    plain = RestorationModel(_generator())
    assert plain.phase_starts == (0,) and plain.phase_at(10**9) == 0
    assert not plain.resets_optimizers(0)


def test_compile_enters_the_first_phase():
    model = _toy()
    model.enter_phase(1)
    model.compile(
        keras.optimizers.SGD(), {name: keras.optimizers.SGD() for name in model.discriminators}
    )
    assert not model.second_on


def test_reset_optimizers_forget_everything_but_their_rate():
    model = Toy(_generator(), {name: _critic(name) for name in ("first", "second")})
    model.compile(
        keras.optimizers.Adam(0.25),
        {name: keras.optimizers.Adam(0.25) for name in model.discriminators},
    )
    model.train_step(_batch([1.0, 3.0]))
    optimizers = [model.generator_optimizer, model.discriminator_optimizers["first"]]
    for optimizer in optimizers:
        assert all(np.any(variable.numpy()) for variable in optimizer.variables)
    model.reset_optimizers()
    for optimizer in optimizers:
        assert float(optimizer.learning_rate) == 0.25
        assert int(optimizer.iterations) == 0
        slots = [v for v in optimizer.variables if v is not optimizer.learning_rate]
        assert len(slots) == 3 and not any(np.any(slot.numpy()) for slot in slots)


class TwoOutputs(RestorationModel):
    """A network that shares the generator's gain and has an output with a weight of its own."""

    def __init__(self):
        generator = _generator()
        other = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="other")
        outputs = {"restored": generator.output, "blurred": other(generator.output)}
        network = keras.Model(generator.input, outputs, name="network")
        super().__init__(generator, network=network)

    def forward(self, batch):
        return self.network(batch["degraded"], training=True)

    def generator_terms(self, batch, outputs):
        return {
            "pixel": Term(1.0, squared_error(batch["target"], outputs["restored"])),
            "blur": Term(1.0, squared_error(batch["degraded"], outputs["blurred"])),
        }


def test_every_weight_of_the_network_is_trained():
    model = TwoOutputs()
    model.compile(keras.optimizers.SGD(0.01))
    logs = model.train_step(_batch([1.0, 3.0]))
    assert len(model.generator.weights) == 1 and len(model.network.weights) == 2
    gain, other = (float(variable.numpy().squeeze()) for variable in model.network.weights)
    # d pixel / d gain = -10; both gains are 1, so the blur term is 0 and stands still at first.
    assert (gain, other) == (pytest.approx(1.1), 1.0)
    assert set(logs) == {"loss", "pixel", "blur", "gradient_norm"}
    model.train_step(_batch([1.0, 3.0]))
    # other: 2 (gain * other - 1) gain mean(v^2) = 2 * 0.1 * 1.1 * 5.
    assert float(model.network.weights[1].numpy().squeeze()) == pytest.approx(1.0 - 0.011)
    assert float(model(_batch([1.0])["degraded"])[0, 0, 0, 0]) != 1.0


def test_weight_that_no_term_depends_on_stands_still():
    class Half(TwoOutputs):
        def generator_terms(self, batch, outputs):
            return {"pixel": Term(1.0, squared_error(batch["target"], outputs["restored"]))}

    model = Half()
    model.compile(keras.optimizers.Adam(0.1))
    model.train_step(_batch([1.0, 3.0]))
    assert float(model.network.weights[0].numpy().squeeze()) == pytest.approx(1.1, abs=1e-5)
    assert float(model.network.weights[1].numpy().squeeze()) == 1.0


def test_both_optimizers_scale_their_loss_under_float16():
    from tfdeblur.models.scgan import SCGANConfig

    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = SCGANConfig(width=4).build()
        model.compile(keras.optimizers.Adam(), {"discriminator": keras.optimizers.Adam()})
        scaled = keras.mixed_precision.LossScaleOptimizer
        assert isinstance(model.generator_optimizer, scaled)
        assert isinstance(model.discriminator_optimizers["discriminator"], scaled)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_reset_keeps_the_loss_scale_under_float16():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = TwoOutputs()
        model.compile(keras.optimizers.Adam(0.25))
        scale = float(model.generator_optimizer.loss_scale)
        model.generator_optimizer.inner_optimizer.iterations.assign(7)
        model.reset_optimizers()
        assert float(model.generator_optimizer.loss_scale) == scale > 1.0
        assert int(model.generator_optimizer.iterations) == 0
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_norm_statistics_are_float32_under_mixed_precision(policy):
    """At 320 x 320 the statistics of a batch norm are right to 1 %, and the output is float32."""
    from tfdeblur.models.scgan import SCGANConfig

    keras.mixed_precision.set_global_policy(policy)
    try:
        norm = SCGANConfig(width=4).build_generator().get_layer("norm1")
        norm.moving_mean.assign(tf.zeros(4))
        norm.moving_variance.assign(tf.zeros(4))
        values = 3.0 + 0.5 * tf.random.stateless_normal((1, 320, 320, 4), seed=(1, 1))
        values = tf.cast(values, norm.compute_dtype)
        norm(values, training=True)
        truth = tf.cast(values, tf.float32)
        mean = tf.reduce_mean(truth, axis=(0, 1, 2))
        deviation = tf.math.reduce_std(truth, axis=(0, 1, 2))
        share = 1 - norm.momentum  # Of a batch in the moving statistics, which were 0.
        np.testing.assert_allclose(norm.moving_mean / share, mean, rtol=0.01)
        np.testing.assert_allclose(np.sqrt(norm.moving_variance / share), deviation, rtol=0.01)
        restored = SCGANConfig(width=4).build_generator()(tf.zeros((1, 8, 8, 3)))
        assert restored.dtype == tf.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("micro_batches", [2, 4])
def test_micro_batches_update_as_the_whole(micro_batches):
    """Two updates of the critic with four pairs each, cut in two or four."""
    values = [1.0, 3.0, 2.0, 2.0, 0.5, 1.5, 4.0, 1.0]
    results = []
    for count in (1, micro_batches):
        model = _toy()
        model.discriminator_updates, model.micro_batches = 2, count
        logs = tf.function(model.train_step)(_batch(values))
        results.append({**_weights(model), **{k: float(v) for k, v in logs.items()}})
    assert results[1] == pytest.approx(results[0], rel=1e-6)
    assert results[0]["generator"] != 1.0 and results[0]["first"] != 1.0


def test_logs_of_the_critic_are_those_of_all_updates():
    """A sample that is not a number shows, whichever update it is in; so does a norm."""
    for values in ([float("nan"), 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, float("nan")]):
        model = _toy()
        model.discriminator_updates = 2
        logs = tf.function(model.train_step)(_batch(values))
        assert np.isnan(logs["discriminator_loss"]) and np.isnan(logs["first_gradient_norm"])


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_terms_of_every_sample(micro_batches):
    """Of both sub-batches, in order: the generator's pixel (g v - 2 v)^2 = v^2, the critic's -v."""
    model = _toy()
    model.discriminator_updates, model.micro_batches = 2, micro_batches
    terms = model.sample_terms(_batch([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(terms["pixel"], [1.0, 4.0, 9.0, 16.0])
    np.testing.assert_allclose(terms["first_critic"], [-1.0, -2.0, -3.0, -4.0])
