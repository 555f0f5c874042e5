"""GFN on LR-GOPRO, x4: `--config=gfn_gopro`, the paper's two steps of training.

Paper: Zhang et al., "Gated Fusion Network for Joint Image Deblurring and Super-Resolution", BMVC
2018, §3.3: Adam with betas 0.9 and 0.999, batch 16, flips and quarter turns. Step 1: 60 epochs
without the gate at 1e-4, divided by ten after 30; step 2: 50 with the gate at 5e-5, divided by ten
after 25. An epoch is 6,724 steps, 107,584 triplets; `lr_gopro/patches` has fewer, as it holds out
two sequences for validation. 27.74 dB on GOPRO's test frames (Table 2).

`:three_step` is the released code's recipe, 27.81 dB in its README: 25 epochs at 1e-4, halved after
every 7; 60 as in step 1; 55 with the gate, without the deblurring loss, at 5e-5, divided by ten
after every 25.

Data:      `tfdeblur data build lr_gopro/patches` from your own copy of GOPRO_Large.
Command:   tfdeblur train --config=gfn_gopro --workdir=runs/gfn_gopro
Table 2:   add --config.model.variant=model1 (to model5, or srresnet); `full` is the paper's model.
Code:      --config.model.initial_weights=released starts as the released code does, from losses of
           a hundred million.
Hardware:  the authors: 4 days on a GTX 1080 Ti. It computes in float32, as no norm bounds its
           features, and with the released initial weights some exceed 65,504, float16's largest
           number; --config.runtime.precision=mixed_bfloat16 works.
Quick test: `--config=gfn_gopro:quicktest` makes its own tiny data and trains in seconds.
"""

from tfdeblur.models.gfn import STEPS_PER_EPOCH, GFNConfig
from tfdeblur.training.experiment import (
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    RuntimeConfig,
    TrainConfig,
    check_variant,
)

# (epochs, learning rate), in order.
TWO_STEPS = ((30, 1e-4), (30, 1e-5), (25, 5e-5), (25, 5e-6))
THREE_STEPS = (
    *((7, 1e-4), (7, 5e-5), (7, 2.5e-5), (4, 1.25e-5)),
    *((30, 1e-4), (30, 1e-5)),
    *((25, 5e-5), (25, 5e-6), (5, 5e-7)),
)


def get_config(variant: str = "") -> ExperimentConfig:
    """Return the experiment, its `three_step` or its `quicktest` form."""
    check_variant(variant, ("three_step", "quicktest"))
    config = ExperimentConfig(
        name="gfn_gopro",
        model=GFNConfig(),
        data=DataConfig(
            source="prepared", name="lr_gopro/patches", augment_flip=True, augment_rotate=True
        ),
        optimizer=_optimizer(TWO_STEPS, STEPS_PER_EPOCH),
        train=TrainConfig(
            steps=_epochs(TWO_STEPS) * STEPS_PER_EPOCH,
            batch_size=16,
            checkpoint_every=1000,
            validate_every=STEPS_PER_EPOCH,
        ),
        runtime=RuntimeConfig(precision="float32"),
    )
    if variant == "three_step":
        gate_start_step = (25 + 60) * STEPS_PER_EPOCH
        config.model = GFNConfig(gate_start_step=gate_start_step, alpha_end_step=gate_start_step)
        config.optimizer = _optimizer(THREE_STEPS, STEPS_PER_EPOCH)
        config.train.steps = _epochs(THREE_STEPS) * STEPS_PER_EPOCH
    elif variant == "quicktest":
        config.model = GFNConfig(
            width=8, deblurring_blocks=1, sr_blocks=1, reconstruction_blocks=1, gate_start_step=4
        )
        config.data = DataConfig(source="recipe", recipe="gfn")
        config.optimizer = _optimizer(((2, 1e-4), (2, 1e-5), (2, 5e-5), (2, 5e-6)), 1)
        config.train = TrainConfig.quick()
    return config


def _epochs(pieces: tuple[tuple[int, float], ...]) -> int:
    return sum(epochs for epochs, _ in pieces)


def _optimizer(pieces: tuple[tuple[int, float], ...], steps_per_epoch: int) -> OptimizerConfig:
    """Return Adam with a learning rate for each piece of the training."""
    ends = [_epochs(pieces[:count]) for count in range(1, len(pieces))]
    return OptimizerConfig(
        learning_rate=pieces[0][1],
        beta_1=0.9,
        schedule="piecewise",
        boundaries=tuple(end * steps_per_epoch for end in ends),
        rates=tuple(rate for _, rate in pieces),
    )
