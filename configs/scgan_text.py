"""SCGAN on text, the full objective (eqs. 7 and 8): `--config=scgan_text`.

Paper: Xu et al., "Learning to Super-Resolve Blurry Face and Text Images", ICCV 2017: Adam 2e-4 with
betas 0.5 and 0.999, batch 16, 64 -> 16 px patches, one million pairs; the number of steps is not
given, 62,500 make one pass. Data: rendered pages in the manner of Hradiš et al., made on the fly
(`--config.data.source=prepared` reads the output of `tfdeblur data build blurred_text/x4`).

Command:   tfdeblur train --config=scgan_text --workdir=runs/scgan_text
From pixels: add --config.train.init_from=runs/scgan_text_pixel
Hardware:  0.5 s a step on two CPU cores with AVX-512 BF16.
Quick test: `--config=scgan_text:quicktest` makes its own tiny data and trains in seconds.
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
        name="scgan_text",
        model=SCGANConfig(width=8 if variant == "quicktest" else 64),
        data=DataConfig(),
        optimizer=OptimizerConfig(),
        train=TrainConfig(steps=62_500, batch_size=16),
    )
    if variant == "quicktest":
        config.train = TrainConfig.quick()
    return config
