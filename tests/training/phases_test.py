"""Runs of a toy in phases: segments, optimizers, resuming, several updates of the critic a step."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from tfdeblur.data.pipeline import DataConfig, make_batches
from tfdeblur.export.saved_model import read_weights
from tfdeblur.export.training_files import NETWORK, unpack_weights
from tfdeblur.losses.pixel import squared_error
from tfdeblur.models.base import RestorationGAN, Term
from tfdeblur.stack import keras
from tfdeblur.training.checkpoints import Checkpoints
from tfdeblur.training.experiment import (
    CONFIG_FILE,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
    load_trained,
    save_config,
)
from tfdeblur.training.initialise import initialise
from tfdeblur.training.release import release
from tfdeblur.training.train import train

SEEN: list[tuple] = []  # What the toy is asked for, by phase.


@dataclass
class ToyConfig:
    """A x4 generator and a critic, both linear; from `second_phase` on the critic is trained."""

    name: str = "toy"
    channels: int = 3
    scale: int = 4
    halo: int = 1
    size_multiple: int = 1
    minimum_size: int = 1
    fixed_input_size: int | None = None
    classes: int = 1
    minimum_batch_size: int = 1
    discriminator_updates: int = 1
    second_phase: int = 3
    resets: bool = False

    @property
    def target_size(self):
        return None

    @property
    def unmoved_weights(self):
        return ()

    def validate(self):
        pass

    def build_generator(self):
        degraded = keras.Input((None, None, 3))
        enlarge = keras.layers.Conv2DTranspose(3, 4, strides=4, name="enlarge")
        return keras.Model(degraded, enlarge(degraded), name="toy_generator")

    def build(self):
        image = keras.Input((None, None, 3))
        mean = keras.layers.GlobalAveragePooling2D()(image)
        critic = keras.Model(image, keras.layers.Dense(1)(mean), name="toy_critic")
        generator = self.build_generator()
        blurred = keras.layers.Conv2D(3, 1, name="blurred")(generator.output)
        outputs = {"restored": generator.output, "blurred": blurred}
        network = keras.Model(generator.input, outputs, name="toy_network")
        return Toy(self, generator, {"critic": critic}, network)


class Toy(RestorationGAN):
    def __init__(self, config, generator, discriminators, network):
        super().__init__(generator, discriminators, network)
        self.config = config
        self.discriminator_updates = config.discriminator_updates
        self.phase = -1

    @property
    def phase_starts(self):
        return (0, self.config.second_phase)

    def enter_phase(self, phase):
        self.phase = phase
        SEEN.append(("enter", phase))

    def resets_optimizers(self, phase):
        return phase == 1 and self.config.resets

    def active_discriminators(self):
        return tuple(self.discriminators) if self.phase else ()

    def forward(self, batch):
        SEEN.append(("forward", self.phase, batch["degraded"].shape[0]))
        return self.network(batch["degraded"], training=True)

    def generator_terms(self, batch, outputs):
        return {
            "pixel": Term(1.0, squared_error(batch["target"], outputs["restored"])),
            "blur": Term(0.1, squared_error(batch["target"], outputs["blurred"])),
        }

    def discriminator_terms(self, name, batch, outputs):
        critic = self.discriminators[name]
        real, fake = (critic(each)[:, 0] for each in (batch["target"], outputs["restored"]))
        return {"critic": Term(1.0, fake - real + real**2)}


def _config(steps=6, optimizer=None, **fields):
    return ExperimentConfig(
        "toy",
        ToyConfig(**fields),
        data=DataConfig(patch_size=32),
        optimizer=optimizer or OptimizerConfig(learning_rate=1e-2),
        train=TrainConfig(
            steps=steps,
            batch_size=2,
            log_every=1,
            checkpoint_every=100,
            validate_every=4,
            validation_count=1,
        ),
    )


def _run(config, workdir):
    SEEN.clear()
    config.runtime.precision = "float32"
    return train(config, workdir)


def _weights(workdir):
    networks = load_trained(workdir, "latest").model.networks
    return [array for network in networks.values() for array in network.get_weights()]


def _scalars(workdir, split, tag):
    found = {}
    for path in (workdir / "logs" / split).iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.tag == tag:
                    found[event.step] = float(tf.make_ndarray(value.tensor))
    return found


def test_a_phase_begins_at_its_step_and_validations_stay_where_they_were(tmp_path):
    _run(_config(), tmp_path)
    assert [entry for entry in SEEN if entry[0] == "enter"] == [
        ("enter", 0),  # By compile.
        ("enter", 0),
        ("enter", 1),
    ]
    assert [entry[1] for entry in SEEN if entry[0] == "forward"] == [0, 1]  # One trace each.
    assert sorted(_scalars(tmp_path, "validation", "val_psnr")) == [4, 6]
    assert sorted(_scalars(tmp_path, "train", "pixel")) == [1, 2, 3, 4, 5, 6]
    assert sorted(_scalars(tmp_path, "train", "critic")) == [4, 5, 6]


@pytest.mark.parametrize("resets", [False, True])
def test_run_that_is_interrupted_anywhere_equals_the_whole(tmp_path, resets):
    """Stops at the start of a phase and in its middle; the schedule follows the run's steps."""
    optimizer = OptimizerConfig(
        learning_rate=1e-2, schedule="staircase", decay_rate=0.5, decay_steps=2
    )
    _run(_config(6, optimizer, resets=resets), tmp_path / "whole")
    for steps in (3, 4, 6):
        _run(_config(steps, optimizer, resets=resets), tmp_path / "parts")
    assert ("enter", 1) in SEEN
    whole, parts = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert len(whole) == 6  # enlarge, blurred, critic: kernel and bias each.
    for first, second in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(first, second)


def _counters(workdir):
    """The step counters of the generator's and the critic's optimizer."""
    checkpoint = tf.train.load_checkpoint(str(workdir / "checkpoints" / "latest"))
    return {
        name.split("_")[0]: int(checkpoint.get_tensor(name))
        for name in checkpoint.get_variable_to_shape_map()
        if "iterations" in name
    }


def test_fresh_optimizers_take_another_way(tmp_path):
    """One step after the phase began at 3, in which the critic is trained for the first time."""
    for resets, count in ((False, 4), (True, 1)):
        _run(_config(4, resets=resets), tmp_path / str(resets))
        assert _counters(tmp_path / str(resets)) == {"generator": count, "discriminator": 1}
    kept, reset = _weights(tmp_path / "False"), _weights(tmp_path / "True")
    assert not np.array_equal(kept[0], reset[0])


def test_a_run_that_resumes_in_a_phase_enters_it(tmp_path):
    _run(_config(4), tmp_path)
    _run(_config(5), tmp_path)
    assert [entry[1] for entry in SEEN if entry[0] == "enter"] == [0, 1]
    assert [entry[1] for entry in SEEN if entry[0] == "forward"] == [1]
    assert load_trained(tmp_path, "latest").model.phase == 1


@pytest.mark.parametrize(("steps", "phase"), [(2, 0), (3, 0), (4, 1)])
def test_a_checkpoint_is_loaded_in_the_phase_that_made_it(tmp_path, steps, phase):
    """What ends where the second phase would begin, at step 3, has not been trained by it."""
    _run(_config(steps), tmp_path)
    assert load_trained(tmp_path, "latest").model.phase == phase


def test_a_step_reads_a_batch_for_every_update_of_the_critic(tmp_path):
    """Three updates of batch 2 read six pairs; the critic's counter runs three times as fast."""
    config = _config(2, discriminator_updates=3, second_phase=0)
    _run(config, tmp_path)
    # Traced once for the first two, once for the last.
    assert [entry for entry in SEEN if entry[0] == "forward"] == [("forward", 1, 2)] * 2
    assert _counters(tmp_path) == {"generator": 2, "discriminator": 6}
    # The logged pixel loss is that of the last third of the six pairs of batch 0.
    batches = make_batches(config.data, split="train", batch_size=6, seed=0, steps=1)
    batch = next(iter(batches))
    keras.utils.set_random_seed(0)
    network = config.model.build().network
    error = np.mean((network(batch["degraded"][4:])["restored"] - batch["target"][4:]) ** 2)
    assert _scalars(tmp_path, "train", "pixel")[1] == pytest.approx(error, rel=1e-4)


def test_start_from_a_run_or_its_export_takes_over_the_whole_network(tmp_path):
    """What is exported restores; the network's other weights lie beside it, in float16."""
    _run(_config(2, second_phase=1), tmp_path / "first")
    first = load_trained(tmp_path / "first").model
    version = release(tmp_path / "first", tmp_path / "exported")
    for ours, theirs in zip(read_weights(version), first.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    packed = unpack_weights((version / "training" / NETWORK).read_bytes())
    assert [array.shape for array in packed["network"]] == [(1, 1, 3, 3), (3,)]
    for source, tolerance in ((tmp_path / "first", 0), (version, 2**-11)):
        second = _config().model.build()
        initialise(second, str(source))
        for network, twin in (
            (first.network, second.network),
            (first.discriminators["critic"], second.discriminators["critic"]),
        ):
            for mine, theirs in zip(network.get_weights(), twin.get_weights(), strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=2**-24)


def test_what_a_run_lacks_starts_at_random(tmp_path):
    """A run that trained the generator alone gives its generator to a network with more outputs."""
    config = _config(2)
    config.model.second_phase = 100
    alone = Toy(config.model, config.model.build_generator(), {}, None)
    alone.compile(keras.optimizers.Adam())
    Checkpoints(tmp_path / "checkpoints", alone).save(2)
    save_config(config, tmp_path / CONFIG_FILE)
    model = config.model.build()
    before = [weight.numpy() for weight in model.training_only_weights()]
    initialise(model, str(tmp_path))
    for mine, theirs in zip(
        alone.generator.get_weights(), model.generator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    for old, weight in zip(before, model.training_only_weights(), strict=True):
        np.testing.assert_array_equal(old, weight.numpy())
