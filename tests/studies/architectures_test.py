import numpy as np

from tfdeblur.models.gfn import GFNConfig
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.studies.architectures import (
    Parameters,
    changed_fields,
    describe,
    same_architecture,
)
from tfdeblur.studies.operations import network_macs
from tfdeblur.training.experiment import ExperimentConfig


def test_networks_of_scgan():
    """Kernels and biases by hand; of the norms two values are trained and two are not."""
    architecture = describe(SCGANConfig(width=4))
    uconvs, convs = 6 * 6 * 4 * (3 + 4), 5 * 5 * (9 * 4 * 4 + 4 * 3)
    assert architecture.generator == Parameters(uconvs + convs + 3 + 11 * 2 * 4, 11 * 2 * 4)
    layers = 4 * 4 * (3 * 4 + 3 * 4 * 4) + 4
    logits = 4 * 4 * 4 + 1
    assert architecture.discriminators == {
        "discriminator": Parameters(layers + logits + 3 * 2 * 4, 3 * 2 * 4)
    }
    generator = architecture.model_config.build_generator()
    assert architecture.macs == network_macs(generator, (1, 16, 16, 3))


def test_what_only_training_needs_is_counted():
    """GFN's deblurred image; its gate's switch is not trained."""
    config = GFNConfig(width=2, deblurring_blocks=1, sr_blocks=1, reconstruction_blocks=1)
    trained, other = describe(config).generator
    exported = config.build_generator().trainable_weights
    image = 3 * 3 * 2 * 2 + 2 + 3 * 3 * 2 * 3 + 3
    assert trained == sum(np.prod(weight.shape) for weight in exported) + image
    assert other == 1


def test_experiments_of_one_architecture_stand_together():
    models = {
        "a": SCGANConfig(),
        "b": WRFNConfig(),
        "c": SCGANConfig(),
        "d": SCGANConfig(classes=2),
    }
    groups = same_architecture(ExperimentConfig(name, model) for name, model in models.items())
    assert [names for _, names in groups] == [["a", "c"], ["b"], ["d"]]
    assert [changed_fields(config) for config, _ in groups] == [{}, {}, {"classes": 2}]
