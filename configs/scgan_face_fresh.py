"""SCGAN's generator on faces degraded on each read: `--config=scgan_face_fresh`.

Like `scgan_face` (Xu et al., ICCV 2017), for few photographs: pixel loss alone, each face varied
and degraded on each read, flips, averaged weights, a cosine to zero; none of this is from the
paper. Data: faces written by `tfdeblur data build blurred_faces/scgan_face_fresh`.

Command:   tfdeblur train --config=scgan_face_fresh --workdir=runs/scgan_face_fresh
Start:     --config.train.init_from=scgan_text, or any SCGAN.
Full objective afterwards: --config.model.objective=full, --config.train.init_from=that run.
Quick test: `--config=scgan_face_fresh:quicktest` makes its own tiny data and trains in seconds.
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
        name="scgan_face_fresh",
        model=SCGANConfig(objective="pixel", width=8 if variant == "quicktest" else 64),
        data=DataConfig(
            source="prepared",
            name="blurred_faces/scgan_face_fresh",
            crop_size=64,
            augment_flip=True,
        ),
        optimizer=OptimizerConfig(
            learning_rate=4e-4, beta_1=0.9, schedule="cosine", warmup_steps=100
        ),
        train=TrainConfig(steps=10_000, batch_size=16, average_decay=0.999),
    )
    if variant == "quicktest":
        config.data = DataConfig(recipe="scgan_face")
        config.optimizer.warmup_steps = 2
        config.train = TrainConfig.quick(average_decay=0.999)
    return config
