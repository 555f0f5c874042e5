"""Count the operations of an experiment without running it.

  python -m tfdeblur_tools.operations --config=wrfn_faces
  python -m tfdeblur_tools.operations --config=gfn_gopro:three_step --peak=19.5
  python -m tfdeblur_tools.operations --config=wrfn_faces --config.train.batch_size=8

--config works as in `tfdeblur train`. Prints the multiply-accumulates to restore one image and of a
step in each phase, and the floating point operations of the whole training, two for each. Counts
convolutions and matrix products, with their gradients (see `tfdeblur/studies/operations.py`).

--peak, the dense TFLOP/s of an accelerator as its maker states them, adds an estimate of hours at
an assumed --utilisation of it. It is not a measurement.
"""

import sys

from absl import app, flags

from tfdeblur.command_line.config_flag import define_config_flag, resolve_config


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    define_config_flag(flag_values)
    flags.DEFINE_float(
        "peak", None, "TFLOP/s of an accelerator", lower_bound=1e-3, flag_values=flag_values
    )
    flags.DEFINE_float(
        "utilisation",
        0.3,
        "share of the peak that is assumed to be reached",
        lower_bound=1e-3,
        upper_bound=1.0,
        flag_values=flag_values,
    )


def main(argv: list[str]) -> None:
    """Count and print."""
    del argv
    from tfdeblur.studies.operations import FLOP_PER_MAC, network_macs
    from tfdeblur.studies.training_cost import training_phases, training_side

    values = flags.FLAGS
    config = values.config
    side = training_side(config)
    image = network_macs(config.model.build_generator(), (1, side, side, config.model.channels))
    print(f"{config.name}: {image / 1e9:.2f} GMAC to restore {side}x{side} px", flush=True)
    phases = training_phases(config)
    for phase in phases:
        print(
            f"  steps {phase.start:,} to {phase.start + phase.steps:,}: "
            f"{phase.step_macs / 1e12:.3f} TMAC each, in batches of {config.train.batch_size}"
        )
    flop = FLOP_PER_MAC * sum(phase.macs for phase in phases)
    print(f"  the whole training: {flop / 1e15:,.1f} PFLOP")
    if values.peak:
        hours = flop / (values.peak * 1e12 * values.utilisation) / 3600
        print(
            f"  estimate: {hours:,.1f} hours at {values.peak:g} TFLOP/s, "
            f"of which {values.utilisation:.0%} are assumed to be used"
        )


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main, argv=[resolve_config(argument) for argument in sys.argv])
