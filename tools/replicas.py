"""Compare training steps on one replica and on two: python -m tfdeblur_tools.replicas

Prints for each of the papers' models, thin and shallow, the largest difference between the
gradients of a step on one replica and on two, of one process (`replicas`) and of two processes over
loopback (`workers`), relative to the largest gradient of the same network. --model=scgan,gfn takes
some. The exit code is 1 if one differs by more than --tolerance.
"""

import sys

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_list("model", [], "which (default: all)", flag_values=flag_values)
    flags.DEFINE_list("shared_by", ["replicas", "workers"], "by whom", flag_values=flag_values)
    flags.DEFINE_float("tolerance", 1e-5, "largest difference", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Compare, print and judge."""
    del argv
    from tfdeblur.studies.replicas import compare, small_models

    values, failed = flags.FLAGS, False
    for name in values.model or small_models():
        for shared_by in values.shared_by:
            worst = compare(name, shared_by)
            told = ", ".join(f"{network} {value:.1e}" for network, value in worst.items())
            print(f"{name}, 2 {shared_by}: {told}", flush=True)
            differing = max(value for network, value in worst.items() if network != "logs")
            failed |= differing > values.tolerance
    return int(failed)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    sys.exit(app.run(main))
