"""WRFN on faces, grey: `--config=wrfn_faces`.

Paper: Jin et al., "Learning Face Deblurring Fast and Wide", CVPRW 2018, §5: Adam at 2e-3, times 0.9
after every 12,000 of 120,000 steps (betas not stated: 0.9 and 0.999), batch 48 of 320x320 px, 110K
faces and 10K kernels, with new blur each time. Data: sharp faces and kernels written by
`tfdeblur data build blurred_faces/wrfn`; faces are blurred on reading.

Command:   tfdeblur train --config=wrfn_faces --workdir=runs/wrfn_faces
Table 1:   --config.model.norm=bn or none; --config.model.swap=True;
           --config.model.stride=4 --config.model.blocks=11, also with --config.model.width=84;
           --config.data.crop_size=240 (the paper trains it longer, but does not say how long).
Expected:  27.14 dB and SSIM 0.803 on 20 blurred faces of Lai et al. 2016, as the paper prints.
Hardware:  the paper had two Titan X; 120,000 steps are 264 PFLOP.
Quick test: `--config=wrfn_faces:quicktest` makes its own tiny data and trains in seconds.
"""

from tfdeblur.models.wrfn import WRFNConfig
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
        name="wrfn_faces",
        model=WRFNConfig(),
        data=DataConfig(source="prepared", name="blurred_faces/wrfn"),
        optimizer=OptimizerConfig(
            learning_rate=2e-3,
            beta_1=0.9,
            schedule="staircase",
            decay_rate=0.9,
            decay_steps=12_000,
        ),
        train=TrainConfig(steps=120_000, batch_size=48),
    )
    if variant == "quicktest":
        config.model = WRFNConfig(width=8, blocks=1)
        config.data = DataConfig(source="recipe", recipe="wrfn")
        config.train = TrainConfig.quick()
    return config
