"""MCGAN, SCGAN of several classes (§3.4): who judges which image; with one class it is SCGAN."""

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.losses.features import triplet
from tfdeblur.models.base import objective
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.stack import keras


def _batch(count):
    degraded = tf.random.stateless_uniform((count, 16, 16, 3), seed=(1, 2))
    target = tf.random.stateless_uniform((count, 64, 64, 3), seed=(3, 4))
    return {"degraded": degraded, "target": target}


def _compiled(config):
    keras.utils.set_random_seed(0)
    model = config.build()
    model.compile(
        keras.optimizers.Adam(1e-3),
        {name: keras.optimizers.Adam(1e-3) for name in model.discriminators},
    )
    return model


def _classes(model, count=2):
    """A batch of `count` pairs a class."""
    classes = model.config.classes
    return {**_batch(count=count * classes), "class_index": tf.repeat(tf.range(classes), count)}


def test_one_class_is_scgan_to_the_bit():
    """Equations 7 and 8 written out, against the model with `classes=1`: losses and gradients."""
    model = _compiled(SCGANConfig(width=4, classes=1))
    discriminator, generator = model.discriminators["discriminator"], model.generator
    batch = {**_batch(count=3), "class_index": tf.zeros(3, tf.int32)}
    real = batch["target"] * 2.0 - 1.0

    def written_out():
        fake = generator(batch["degraded"], training=True) * 2.0 - 1.0
        real_outputs = discriminator(real, training=True)
        fake_outputs = discriminator(fake, training=True)
        error, features = (
            tf.reduce_mean(tf.math.squared_difference(first, second), (1, 2, 3))
            for first, second in ((fake, real), (fake_outputs[1], real_outputs[1]))
        )
        adversarial = tf.reduce_mean(tf.nn.softplus(-fake_outputs[-1]), 1)
        terms = ((1.0, error), (1.0, features), (1e-3, adversarial))
        loss_g = tf.add_n([weight * tf.nn.compute_average_loss(value) for weight, value in terms])
        real_outputs = discriminator(real, training=True)
        fake_outputs = discriminator(tf.stop_gradient(fake), training=True)
        entropy = tf.reduce_mean(tf.nn.softplus(-real_outputs[-1]), 1) + tf.reduce_mean(
            tf.nn.softplus(fake_outputs[-1]), 1
        )
        anchor = real_outputs[2]
        hinge = triplet(anchor, tf.roll(anchor, 1, 0), fake_outputs[2], margin=1.0)
        terms = ((1.0, entropy), (0.1, hinge))
        return loss_g, tf.add_n([w * tf.nn.compute_average_loss(value) for w, value in terms])

    def by_the_model():
        outputs = model.forward(batch)
        return (
            objective(model.generator_terms(batch, outputs)),
            objective(model.discriminator_terms("discriminator", batch, outputs)),
        )

    found = []
    for losses in (written_out, by_the_model):
        with tf.GradientTape(persistent=True) as tape:
            loss_g, loss_d = losses()
        gradients = tape.gradient(loss_g, generator.trainable_variables)
        gradients += tape.gradient(loss_d, discriminator.trainable_variables)
        found.append([loss_g.numpy(), loss_d.numpy(), *(each.numpy() for each in gradients)])
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


def test_each_class_has_the_terms_of_its_own_discriminator():
    """Per sample, two classes are two models of one class on one batch each, side by side."""
    model = SCGANConfig(width=4, classes=2).build()
    assert list(model.discriminators) == ["discriminator_0", "discriminator_1"]
    batch = _classes(model)
    outputs = model.forward(batch)
    terms = model.generator_terms(batch, outputs)
    assert [terms[name].weight for name in ("pixel", "feature_matching", "adversarial")] == [
        1.0,
        1.0,
        1e-3,
    ]
    for index, block in enumerate((slice(0, 2), slice(2, 4))):
        single = SCGANConfig(width=4).build()
        judge = single.discriminators["discriminator"]
        judge.set_weights(model.discriminators[f"discriminator_{index}"].get_weights())
        alone = {name: value[block] for name, value in batch.items()}
        restored = {"restored": outputs["restored"][block]}
        for name, term in single.generator_terms(alone, restored).items():
            np.testing.assert_allclose(terms[name].values[block], term.values, rtol=1e-5)
        ours = model.discriminator_terms(f"discriminator_{index}", batch, outputs)
        for name, term in single.discriminator_terms("discriminator", alone, restored).items():
            assert ours[name].values.shape == (2,)
            np.testing.assert_allclose(ours[name].values, term.values, rtol=1e-5)


def test_only_the_discriminator_of_its_class_judges_an_image():
    """Gradients of each sample's term: of D_j for the samples of class j, none of the others."""
    model = SCGANConfig(width=4, classes=3).build()
    batch = _classes(model)
    outputs = model.forward(batch)
    with tf.GradientTape(persistent=True) as tape:
        values = model.generator_terms(batch, outputs)["adversarial"].values
        blocks = [tf.reduce_sum(values[2 * index : 2 * index + 2]) for index in range(3)]
    for block, loss in enumerate(blocks):
        for index in range(3):
            kernel = model.discriminators[f"discriminator_{index}"].get_layer("conv2").kernel
            gradient = tape.gradient(loss, kernel)
            entered = gradient is not None and bool(np.any(gradient))
            assert entered is (index == block)


def test_step_of_two_classes_moves_every_network():
    model = _compiled(SCGANConfig(width=4, classes=2))
    batch = _classes(model)
    networks = model.networks
    before = {name: [v.numpy() for v in net.trainable_variables] for name, net in networks.items()}
    logs = model.train_step(batch)
    for name, network in networks.items():
        for old, variable in zip(before[name], network.trainable_variables, strict=True):
            assert not np.array_equal(old, variable.numpy()), f"{name}: {variable.name} stood still"
    assert {"discriminator_0_triplet", "discriminator_1_cross_entropy", "adversarial"} <= set(logs)


def test_terms_of_samples_are_found_in_micro_batches():
    """Each holds every class, in blocks; the whole does not."""
    model = _compiled(SCGANConfig(width=4, classes=2))
    batch = _classes(model)
    twice = {name: tf.concat([value, value], axis=0) for name, value in batch.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="must rise in blocks"):
        model.sample_terms(twice)
    model.micro_batches = 2
    terms = model.sample_terms(twice)
    count = len(batch["target"])
    np.testing.assert_allclose(terms["pixel"][:count], terms["pixel"][count:], rtol=1e-5)
    assert terms["pixel"].shape == (2 * count,)


def test_smallest_batch_holds_every_class():
    assert SCGANConfig(classes=2).minimum_batch_size == 4
    assert SCGANConfig(classes=3, triplet_weight=0.0).minimum_batch_size == 3


def test_batches_that_do_not_hold_the_classes_are_refused():
    model = SCGANConfig(width=4, classes=2).build()
    batch = _classes(model)
    outputs = model.forward(batch)
    bare = {name: batch[name] for name in ("degraded", "target")}
    with pytest.raises(ValueError, match="of 2 classes must hold .* Got: no `class_index`"):
        model.generator_terms(bare, outputs)
    odd = {name: value[:3] for name, value in batch.items()}
    with pytest.raises(ValueError, match="equally many pairs of each. Got: 3 pairs"):
        model.generator_terms(odd, {"restored": outputs["restored"][:3]})
    mixed = {**batch, "class_index": tf.constant([0, 1, 0, 1])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="must rise in blocks"):
        model.generator_terms(mixed, outputs)
