"""SCGAN on faces, the full objective (eqs. 7 and 8): `--config=scgan_face`.

Paper: Xu et al., "Learning to Super-Resolve Blurry Face and Text Images", ICCV 2017: as for text
(`scgan_text`), Adam 2e-4 with betas 0.5 and 0.999, batch 16, one million pairs of 16x16 and 64x64
px, here cut from all available photographs. Data: faces degraded by `tfdeblur data build
blurred_faces/scgan_face`.

Command:   tfdeblur train --config=scgan_face --workdir=runs/scgan_face
Table 5:   --config.model.objective=pixel or pixel+gan; with the full objective,
           --config.model.feature_layer_generator=3, --config.model.feature_layer_discriminator=2.
Fig. 2(b): --config.model.objective=gan.
Fig. 10:   --config.model.upsample=bicubic (23.45 dB against 24.57, as the paper prints).
Hardware:  0.5 s a step on two CPU cores with AVX-512 BF16.
Quick test: `--config=scgan_face:quicktest` makes its own tiny data and trains in seconds.
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
        name="scgan_face",
        model=SCGANConfig(width=8 if variant == "quicktest" else 64),
        data=DataConfig(source="prepared", name="blurred_faces/scgan_face"),
        optimizer=OptimizerConfig(),
        train=TrainConfig(steps=62_500, batch_size=16),
    )
    if variant == "quicktest":
        config.data = DataConfig(recipe="scgan_face")
        config.train = TrainConfig.quick()
    return config
