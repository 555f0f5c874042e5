"""Trials: what is learnt from fixed pairs, ranges of fresh ones, the stand-in of VGG-19."""

import numpy as np
import pytest
import tensorflow as tf
from toy_gan import Toy, toy_experiment

from tfdeblur.stack import keras
from tfdeblur.studies import trials
from tfdeblur.studies.trials import build_stand_in, run_trial
from tfdeblur.training.callbacks import NonFiniteError
from tfdeblur_configs import enhance_unet_faces, mcgan, two_branch_faces


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.mixed_precision.set_global_policy("float32")


def _tiny(steps):
    config = toy_experiment(steps, objective="pixel")
    config.optimizer.learning_rate = 1e-2
    return config


def test_fixed_pairs_are_learnt():
    lines = []
    report = run_trial(_tiny(40), fixed=True, score_every=20, report=lines.append)
    assert [step for step, _ in report.scores] == [0, 20, 40]
    assert report.scores[-1][1] > report.scores[0][1] + 3
    assert report.gain == pytest.approx(report.scores[-1][1] - report.baseline)
    assert report.ranges["loss"][0] < report.ranges["loss"][1]
    assert [line.split(":")[0] for line in lines] == ["step 0", "step 20"]


def test_fresh_pairs_have_no_score_and_phases_begin(eagerly, quick_layers):
    config = two_branch_faces.get_config("quicktest")
    config.model.perceptual_weight = 10.0
    config.model.local_start_step = 1
    config.train.steps = 2
    config.runtime.precision = "float32"
    report = run_trial(config, fixed=False, extractor="stand_in")
    assert report.scores == [] and np.isnan(report.baseline)
    assert {"perceptual", "local_least_squares", "global_least_squares"} <= set(report.ranges)


def test_the_step_of_a_phase_is_a_graph_of_its_own(monkeypatch):
    """The discriminator is trained from the second step on."""
    monkeypatch.setattr(Toy, "phase_starts", (0, 1))
    monkeypatch.setattr(Toy, "enter_phase", lambda self, phase: setattr(self, "phase", phase))
    monkeypatch.setattr(
        Toy, "active_discriminators", lambda self: ("discriminator",) if self.phase else ()
    )
    for steps, judged in ((1, False), (2, True)):
        report = run_trial(toy_experiment(steps), fixed=False)
        assert ("cross_entropy" in report.ranges) is judged


def test_a_critic_sees_the_fixed_pairs_in_each_of_its_updates(eagerly, quick_layers):
    config = enhance_unet_faces.get_config("quicktest")
    config.model.perceptual_weight = 10.0
    config.model.use_em = config.model.use_rrrb = False
    config.train.steps = 1
    config.runtime.precision = "float32"
    report = run_trial(config, fixed=True, extractor="stand_in")
    assert {"content", "perceptual", "adversarial", "gradient_penalty"} <= set(report.ranges)


def test_a_term_that_is_not_finite_ends_the_trial():
    config = _tiny(5)
    config.optimizer.learning_rate = 1e30
    with pytest.raises(NonFiniteError, match="must be finite at step"):
        run_trial(config, fixed=True)


def test_the_stand_in_needs_a_perceptual_loss():
    with pytest.raises(ValueError, match="'vgg19' for a model without perceptual loss. Got: 'sta"):
        run_trial(_tiny(1), fixed=True, extractor="stand_in")
    with pytest.raises(ValueError, match="`extractor` must be one of .* Got: 'other'"):
        run_trial(_tiny(1), fixed=True, extractor="other")


def test_the_stand_in_is_frozen_and_always_the_same():
    images = tf.random.stateless_uniform((2, 9, 13, 3), (1, 2))
    first, second = (build_stand_in()(images)[0] for _ in range(2))
    assert first.shape == (2, 3, 4, 32)
    np.testing.assert_array_equal(first, second)
    assert build_stand_in().trainable_weights == []
    assert float(tf.math.reduce_std(first)) > 0.01


@pytest.mark.parametrize("fixed", [True, False])
def test_every_micro_batch_has_every_class(fixed):
    config = mcgan.get_config("quicktest")
    config.train.batch_size, config.train.micro_batches, config.train.steps = 4, 2, 1
    (batch,) = trials._batches(config, fixed)
    assert batch["class_index"].numpy().tolist() == [0, 1, 0, 1]
