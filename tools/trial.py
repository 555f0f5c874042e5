"""Try an experiment before its long run: tfdeblur trial --config=NAME_OR_PATH

  tfdeblur trial --config=scgan_face --config.train.steps=300 --config.train.batch_size=4
  tfdeblur trial --config=mcgan --fresh --config.train.steps=2000

Trains repeatedly on the pairs of one batch and prints their PSNR beside the trivial baseline
(bicubic, or the degraded image itself). Exit code 1 unless they gain --gain dB: then something is
wrong with the network, the objective, the optimizer or the data, and a long run would be wasted.

--fresh trains on the stream of batches instead and prints the range of every term. In both modes
the run stops with an error at the first non-finite term. Fields overridden on the command line are
printed first; nothing is written.

--extractor=stand_in replaces VGG-19 by three random layers if its weights are not available; the
perceptual loss is then computed, but meaningless.
"""

import sys

from absl import app, flags
from ml_collections import config_flags

from tfdeblur.command_line.config_flag import define_config_flag, resolve_config

__all__ = ["define_flags", "main", "resolve_config"]


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    define_config_flag(flag_values)
    flags.DEFINE_bool("fresh", False, "train on fresh pairs", flag_values=flag_values)
    flags.DEFINE_float("gain", 3.0, "PSNR in dB to gain over the baseline", flag_values=flag_values)
    flags.DEFINE_enum(
        "extractor",
        "vgg19",
        ["vgg19", "stand_in"],
        "features of the perceptual loss",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "score_every", 50, "steps between scores", lower_bound=1, flag_values=flag_values
    )


def main(argv: list[str]) -> int:
    """Run the trial and check its gain."""
    del argv
    from tfdeblur.studies.trials import run_trial

    values = flags.FLAGS
    for name, value in config_flags.get_override_values(values["config"]).items():
        print(f"overridden: {name}={value!r}")
    report = run_trial(
        values.config,
        fixed=not values.fresh,
        extractor=values.extractor,
        score_every=values.score_every,
    )
    for name, (least, most) in report.ranges.items():
        print(f"{name}: {least:.4g} to {most:.4g}")
    steps = values.config.train.steps
    if values.fresh:
        print(f"{steps} steps, every term and weight finite.")
        return 0
    print(f"{steps} steps: {report.scores[-1][1]:.2f} dB, {report.gain:+.2f} over the baseline.")
    if report.gain < values.gain:
        print(
            f"tfdeblur trial: the pairs must gain {values.gain} dB. Got: {report.gain:.2f}.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main, argv=[resolve_config(argument) for argument in sys.argv])
