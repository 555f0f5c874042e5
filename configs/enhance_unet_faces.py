"""Enhance-UNet on faces: `--config=enhance_unet_faces`.

Paper: Qi et al., "Blind Face Images Deblurring with Enhancement", Multimedia Tools and Applications
2020, §4.1: Adam 1e-4 with betas 0.5 and 0.999, batch 16, random crops of 150 px, 3,000,000 steps
(150 passes over 320,000 pairs); weights 1, 10 and 1 of the three losses. Not stated: the number of
critic updates (here five per step, so a step reads 80 pairs and the critic makes 750 passes) and
the networks' sizes; see `models.enhance_unet`. Data: faces blurred by `tfdeblur data build
blurred_faces/enhance_unet`. The perceptual loss downloads VGG-19 (80 MB) once;
--config.model.vgg_weights=FILE reads it from a file, --config.model.perceptual_weight=0 turns the
loss off.

Command:   tfdeblur train --config=enhance_unet_faces --workdir=runs/enhance_unet_faces
Table 2:   --config.model.use_em=False, or use_drdbu, use_rrrb, use_resblock.
Table 3:   --config.model.perceptual_weight=0 (22.93 dB against 26.13, as the paper prints).
Fig. 10:   --config.model.perceptual_weight=0 --config.model.adversarial_weight=0
           --config.model.discriminator_updates=1.
Expected:  26.13 dB and SSIM 0.818 on CelebA, 24.33 dB and 0.795 on Helen, as the paper prints.
Hardware:  the paper had a GTX 1080 Ti; a 150x150 px image takes the generator 47 GMAC.
Quick test: `--config=enhance_unet_faces:quicktest` makes its own tiny data and trains in a minute,
           with a tiny network, two critic updates and no perceptual loss, which would download
           its weights.
"""

from tfdeblur.models.enhance_unet import EnhanceUnetConfig
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
        name="enhance_unet_faces",
        model=EnhanceUnetConfig(),
        data=DataConfig(source="prepared", name="blurred_faces/enhance_unet", crop_size=150),
        optimizer=OptimizerConfig(learning_rate=1e-4),
        train=TrainConfig(steps=3_000_000, batch_size=16),
    )
    if variant == "quicktest":
        config.model = EnhanceUnetConfig(
            width=8,
            levels=1,
            rrrbs_per_level=1,
            resblocks_per_level=1,
            perceptual_weight=0.0,
            discriminator_updates=2,
        )
        config.data = DataConfig(source="recipe", recipe="enhance_unet", patch_size=32)
        config.train = TrainConfig.quick()
    return config
