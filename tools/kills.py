"""Kill trainings at random moments and compare what they end in: python -m tfdeblur_tools.kills

Trains two small experiments, in mixed_bfloat16, with averaged weights, on pairs that eight threads
blur as they are needed: two_branch, which has dropout, and enhance_unet, whose gradient penalty
draws. Each once without and once with SIGKILLs: after random times and steps, and inside the write
of a checkpoint. The exit code is 1 if the weights differ in a bit. It takes a quarter of an hour.

  python -m tfdeblur_tools.kills --kills=20 --writes=5 --seed=1 --workdir=/tmp/kills
  python -m tfdeblur_tools.kills -- --config=mine.py --config.train.log_every=1

Arguments behind -- are those of a `tfdeblur train` of your own, which takes the place of the two.
"""

import tempfile
from pathlib import Path

from absl import app, flags

COMMON = (
    "--config.runtime.precision=mixed_bfloat16",
    "--config.data.source=recipe",
    "--config.data.threads=8",
    "--config.data.train_split=train",
    "--config.data.validation_split=validation",
    "--config.data.augment_flip=False",
    "--config.data.crop_size=0",
    "--config.model.perceptual_weight=0",
    "--config.train.average_decay=0.9",
    "--config.train.batch_size=2",
    "--config.train.steps=80",
    "--config.train.log_every=1",
    "--config.train.checkpoint_every=3",
    "--config.train.validate_every=40",
    "--config.train.validation_count=2",
)
EXPERIMENTS = {
    "two_branch": (
        "--config=two_branch_faces",
        "--config.model.width=4",
        "--config.model.input_size=16",
        "--config.model.local_start_step=30",
        "--config.data.recipe=two_branch",
        "--config.data.patch_size=128",
        *COMMON,
    ),
    "enhance_unet": (
        "--config=enhance_unet_faces",
        "--config.model.width=4",
        "--config.model.levels=1",
        "--config.model.rrrbs_per_level=1",
        "--config.model.resblocks_per_level=1",
        "--config.model.use_drdbu=False",  # They would be traced for minutes after each kill.
        "--config.model.use_rrrb=False",
        "--config.model.discriminator_updates=2",
        "--config.data.recipe=enhance_unet",
        "--config.data.patch_size=32",
        *COMMON,
    ),
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, default, about in (
        ("kills", 20, "of all experiments together"),
        ("writes", 5, "of them inside the write of a checkpoint"),
        ("seed", 0, "of the moments"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=0, flag_values=flag_values)
    flags.DEFINE_string("workdir", None, "keep the runs here", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Train, kill, compare."""
    from tfdeblur.studies.kills import TRAIN, compare_killed

    values = flags.FLAGS
    experiments = {"own": tuple(argv[1:])} if argv[1:] else EXPERIMENTS
    equal = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, arguments) in enumerate(experiments.items()):
            print(f"{name}:", flush=True)
            same = compare_killed(
                (*TRAIN, *arguments),
                Path(values.workdir or folder) / name,
                kills=_share(values.kills, number, len(experiments)),
                writes=_share(values.writes, number, len(experiments)),
                seed=values.seed + number,
                report=lambda line: print(f"  {line}", flush=True),
            )
            print("  equal" if same else "  DIFFERENT", flush=True)
            equal.append(same)
    return 0 if all(equal) else 1


def _share(count: int, number: int, parts: int) -> int:
    return count // parts + (number < count % parts)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
