"""Two-branch network on faces, x8, 32 -> 256 px: `--config=two_branch_faces`.

Paper: Yun et al., "Joint Face Super-Resolution and Deblurring Using Generative Adversarial
Network", IEEE Access 2020, §IV: Adam 2e-4 with betas 0.5 and 0.999, batch 64, mirrored images, 200
epochs of 28,800 images (90,000 steps) with the global discriminator, then with the local one too,
for a length that is not stated (here another 90,000 steps). Data: faces blurred by `tfdeblur data
build blurred_faces/two_branch`, except 200 held out. The perceptual loss downloads VGG-19 (80 MB)
once; --config.model.vgg_weights=FILE reads it from a file, --config.model.perceptual_weight=0 turns
the loss off.

Command:   tfdeblur train --config=two_branch_faces --workdir=runs/two_branch_faces
Table 3:   add --config.model.use_upcnn=False ("Model 1"), --config.model.discriminators=none ("2")
           or =global ("3"), or --config.model.noise=True ("w/N").
Fig. 6:    --config.model.input_size=16, with data of 128 px.
Fig. 8:    --config.model.grayscale_input=True colours grey images.
Code:      --config.model.discriminator_type=patch5 --config.model.vgg_variant=code
           --config.model.local_start_step=0 --config.train.batch_size=16
           --config.data.augment_flip=False match the authors' code, which trains for 1,001 epochs
           of 1,800 steps on all 28,800 images without validation.
Expected:  27.75 dB, SSIM 0.855 and FID 15.3 on 1,200 images of CelebA-HQ, as the paper prints.
Hardware:  the authors: 5 days on a Titan X; one image takes 12 GMAC.
Quick test: `--config=two_branch_faces:quicktest` makes its own tiny data and trains in seconds,
           with a narrow network for 16 px and no perceptual loss, which would download its weights.
"""

from tfdeblur.models.two_branch import TwoBranchConfig
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
        name="two_branch_faces",
        model=TwoBranchConfig(),
        data=DataConfig(
            source="prepared",
            name="blurred_faces/two_branch",
            train_split="train[:-200]",
            validation_split="train[-200:]",
            augment_flip=True,
        ),
        optimizer=OptimizerConfig(),
        train=TrainConfig(
            steps=180_000, batch_size=64, checkpoint_every=1_800, validate_every=4_500
        ),
    )
    if variant == "quicktest":
        config.model = TwoBranchConfig(
            width=8, input_size=16, perceptual_weight=0.0, local_start_step=4
        )
        config.data = DataConfig(source="recipe", recipe="two_branch", patch_size=128)
        config.train = TrainConfig.quick()
    return config
