"""SCGAN's generator on text in colour, pixel loss alone: `--config=scgan_text_colour`.

Like `scgan_text_pixel`, in patches of 64 px, with half of each batch from the domain `colour`
(coloured ink, paper, bands, marker, stamps, code, screens; exposure, contrast, JPEG), which is not
in the paper. Batch norms keep their statistics, and areas keep their colours; averaged weights, a
cosine to zero.

Command:   tfdeblur train --config=scgan_text_colour --workdir=runs/scgan_text_colour
           --config.train.init_from=scgan_text
Quick test: `--config=scgan_text_colour:quicktest` makes its own tiny data and trains in seconds.
"""

from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.training.experiment import (
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
    check_variant,
)


def get_config(variant: str = "") -> ExperimentConfig:
    """Return the experiment, or its `quicktest` form."""
    check_variant(variant)
    config = ExperimentConfig(
        name="scgan_text_colour",
        model=SCGANConfig(
            objective="pixel",
            width=8 if variant == "quicktest" else 64,
            freeze_statistics=variant != "quicktest",
            keep_means=True,
        ),
        data=DataConfig(patch_size=64, patches_per_page=6, domain="print,colour"),
        optimizer=OptimizerConfig(
            learning_rate=2e-4, beta_1=0.9, schedule="cosine", warmup_steps=50, clip_norm=1.0
        ),
        train=TrainConfig(steps=20_000, batch_size=6, average_decay=0.999),
    )
    if variant == "quicktest":
        config.data = DataConfig(patch_size=64, domain="print,colour")
        config.optimizer.warmup_steps = 2
        config.train = TrainConfig.quick(average_decay=0.999)
    return config
