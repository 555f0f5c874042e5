"""MCGAN, one generator for faces and text (eqs. 9 to 11): `--config=mcgan`.

Paper: Xu et al., "Learning to Super-Resolve Blurry Face and Text Images", ICCV 2017, §3.4: a
discriminator for each class, otherwise as SCGAN (`scgan_text`); one million pairs of each class.
The mix of a batch is not given; here it is half faces, half text. Data: the output of
`tfdeblur data build blurred_faces/scgan_face` and `tfdeblur data build blurred_text/x4`.

Command:   tfdeblur train --config=mcgan --workdir=runs/mcgan
Other classes: list their data, separated by commas, in --config.data.name, and set their number in
           --config.model.classes; --config.train.batch_size must be a multiple of it.
Hardware:  about 0.5 s a step on two CPU cores with AVX-512 BF16, as SCGAN.
Quick test: `--config=mcgan:quicktest` makes its own tiny data and trains in seconds.
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
        name="mcgan",
        model=SCGANConfig(classes=2, width=8 if variant == "quicktest" else 64),
        data=DataConfig(source="prepared", name="blurred_faces/scgan_face,blurred_text/x4"),
        optimizer=OptimizerConfig(),
        train=TrainConfig(steps=125_000, batch_size=16),
    )
    if variant == "quicktest":
        config.data = DataConfig(domain="print,dark_mode")
        config.train = TrainConfig.quick(batch_size=4)
    return config
