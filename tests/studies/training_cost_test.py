"""The operations of training steps, against counts by hand."""

import pytest

from tfdeblur.losses.perceptual import build_vgg19_layers
from tfdeblur.models.enhance_unet import EnhanceUnetConfig
from tfdeblur.models.gfn import GFNConfig
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.stack import keras
from tfdeblur.studies.operations import network_macs
from tfdeblur.studies.training_cost import (
    phase_bounds,
    step_macs,
    training_phases,
    training_side,
)
from tfdeblur.training.experiment import (
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
)


@pytest.fixture
def plain_descent(monkeypatch):
    """Adam multiplies no matrices either, and is half of what is traced."""
    monkeypatch.setattr(OptimizerConfig, "_adam", lambda *_, **__: keras.optimizers.SGD())


def _experiment(model, *, batch_size=2, steps=5, **data) -> ExperimentConfig:
    data_config = DataConfig(**data) if data else DataConfig(source="prepared", crop_size=0)
    return ExperimentConfig(
        "toy", model, data=data_config, train=TrainConfig(steps=steps, batch_size=batch_size)
    )


def test_a_step_is_three_passes_less_the_gradient_of_the_image():
    model = WRFNConfig(width=4, blocks=1)
    image = network_macs(model.build_generator(), (1, 20, 20, 1))
    first_layer = (4 * 4 * 4) * (5 * 5 * 25)
    config = _experiment(model, source="prepared", crop_size=20)
    assert step_macs(config) == 2 * (3 * image - first_layer)
    assert step_macs(config, batch_size=6) == 3 * step_macs(config)


def _tiny_unet(**fields):
    sizes = {"width": 2, "levels": 1, "rrrbs_per_level": 1, "use_em": False, "use_rrrb": False}
    model = EnhanceUnetConfig(**{"perceptual_weight": 0.0, **sizes, **fields})
    return _experiment(model, source="prepared", crop_size=16)


def test_every_update_of_the_critic_counts(quick_layers, plain_descent):
    one, three = (step_macs(_tiny_unet(discriminator_updates=n)) for n in (1, 3))
    model = _tiny_unet().model.build()
    restoring = network_macs(model.generator, (2, 16, 16, 3))
    judging = network_macs(model.discriminators["critic"], (2, 16, 16, 3))
    added, odd = divmod(three - one, 2)
    assert not odd
    # Two images with both gradients, and a third for the penalty, less what nobody asks for.
    assert restoring + 3 * 2 * judging < added < restoring + 12 * judging


def test_the_perceptual_loss_counts_without_its_weights(quick_layers, plain_descent):
    """VGG-19 sees truth and restoration; the gradient goes through it to the latter."""
    features = network_macs(build_vgg19_layers(["block3_conv3"]), (2, 16, 16, 3))
    updates = {"discriminator_updates": 1, "adversarial_weight": 0.0}
    added = step_macs(_tiny_unet(perceptual_weight=1.0, **updates)) - step_macs(
        _tiny_unet(**updates)
    )
    assert added == 3 * features


def _tiny_gfn(**fields):
    blocks = {"deblurring_blocks": 1, "sr_blocks": 1, "reconstruction_blocks": 1}
    return GFNConfig(width=2, **blocks, **fields)


def test_phases_differ_by_what_they_train(quick_layers, plain_descent):
    first, second = training_phases(_experiment(_tiny_gfn(gate_start_step=3)))
    assert (first.start, first.steps, second.start, second.steps) == (0, 3, 3, 2)
    # The gate: 3x3 of 2 + 3 + 2 channels to 2, and 1x1, with both gradients.
    gate = (64 * 64 * 2) * (3 * 3 * 7 + 2)
    assert second.step_macs - first.step_macs == 2 * 3 * gate
    assert first.macs == 3 * first.step_macs


def test_only_phases_that_are_reached_count():
    assert phase_bounds((0, 3), 5) == [(0, 3), (3, 5)]
    assert phase_bounds((0, 5), 5) == [(0, 5)]


@pytest.mark.parametrize(
    "data, side",
    [
        ({"source": "prepared"}, 16),
        ({"source": "prepared", "crop_size": 128}, 32),
        ({"source": "recipe", "patch_size": 96}, 24),
    ],
)
def test_side_of_the_images(data, side):
    assert training_side(_experiment(SCGANConfig(objective="pixel"), **data)) == side
