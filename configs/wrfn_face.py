"""WRFN for photographs of strangers, grey and by channel: `--config=wrfn_face`.

The network of Jin et al. (CVPRW 2018); the training is not from the paper: kernels of the family
`wide`, noise up to 2 %, faces and photographs of anything in equal parts, each varied on every
read; L1, crops of 160 px, averaged weights, a constant rate and then a cosine to zero. Data: sharp
squares and kernels written by `tfdeblur data build blurred_faces/wide` and
`blurred_faces/wide_photos`.

Command:   tfdeblur train --config=wrfn_face --workdir=runs/wrfn_face
Start:     --config.train.init_from=MODEL starts from existing weights.
End:       repeat the command with another workdir, --config.train.init_from=runs/wrfn_face,
           --config.optimizer.schedule=cosine and --config.train.steps=1000.
Quick test: `--config=wrfn_face:quicktest` makes its own tiny data and trains in seconds.
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
        name="wrfn_face",
        model=WRFNConfig(loss="l1"),
        data=DataConfig(
            source="prepared",
            name="blurred_faces/wide,blurred_faces/wide_photos",
            crop_size=160,
            augment_flip=True,
        ),
        optimizer=OptimizerConfig(learning_rate=3e-4, beta_1=0.9),
        train=TrainConfig(steps=20_000, batch_size=8, average_decay=0.999),
    )
    if variant == "quicktest":
        config.model = WRFNConfig(width=8, blocks=1, loss="l1")
        config.data = DataConfig(source="recipe", recipe="wrfn")
        config.train = TrainConfig.quick(average_decay=0.999)
    return config
