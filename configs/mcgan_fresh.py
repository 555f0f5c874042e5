"""One generator for faces and text, with faces degraded on each read: `--config=mcgan_fresh`.

The first stage of MCGAN (Xu et al., ICCV 2017, §3.4) for few photographs: pixel loss alone; half of
each batch is faces, varied and degraded on each read, half is text; averaged weights, a cosine to
zero; none of this is from the paper. No flips, which would mirror the text. Data: the output of
`tfdeblur data build blurred_faces/scgan_face_fresh` and
`tfdeblur data build blurred_text/x4 --count=100000`.

Command:   tfdeblur train --config=mcgan_fresh --workdir=runs/mcgan_fresh
Start:     --config.train.init_from=scgan_text, or any SCGAN.
Full objective afterwards: --config=mcgan with the same data and --config.train.init_from=that run.
Quick test: `--config=mcgan_fresh:quicktest` makes its own tiny data and trains in seconds.
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
        name="mcgan_fresh",
        model=SCGANConfig(objective="pixel", width=8 if variant == "quicktest" else 64),
        data=DataConfig(
            source="prepared",
            name="blurred_faces/scgan_face_fresh,blurred_text/x4_count100000",
            crop_size=64,
        ),
        optimizer=OptimizerConfig(
            learning_rate=4e-4, beta_1=0.9, schedule="cosine", warmup_steps=100
        ),
        train=TrainConfig(steps=20_000, batch_size=16, average_decay=0.999),
    )
    if variant == "quicktest":
        config.data = DataConfig(domain="print,dark_mode")
        config.optimizer.warmup_steps = 2
        config.train = TrainConfig.quick(batch_size=4, average_decay=0.999)
    return config
