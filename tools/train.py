"""Train a model or resume a run: tfdeblur train --config=NAME_OR_PATH --workdir=DIR

  tfdeblur train --config=scgan_text --workdir=runs/text
  tfdeblur train --config=scgan_text:quicktest --workdir=/tmp/quick
  tfdeblur train --config=my_config.py --workdir=runs/mine --config.train.steps=5000

--config takes an installed experiment's name or the path of a Python file with get_config();
a trailing `:variant` is passed to get_config. Any field can be set: --config.seed=1,
--config.train.batch_size=8, --config.optimizer.learning_rate=1e-4, --config.model.objective=pixel,
--config.runtime.precision=float32, --config.train.init_from=scgan_text (fine-tune a shipped model).

The run's folder gets config.json, environment.json, checkpoints/ (latest and best) and logs/ for
TensorBoard, with scalars.csv. Run the same command again to resume from the latest checkpoint, even
after a crash. SIGTERM ends a run between two steps: it saves and exits with code 143. A non-finite
term or gradient is recorded in flight_records/. The last line is a hash over all weights and slots
of optimizers: bit-identical runs print the same hash.

--local_workers=2 trains in two processes on this machine, as on several hosts. On your own hosts,
set TF_CONFIG for each. --dry_run prints the whole configuration, sizes, memory and the time of a
step, without training. See docs/training.md.
"""

import sys

from absl import app, flags

from tfdeblur.command_line.config_flag import command_with, define_config_flag, resolve_config

__all__ = ["define_flags", "main", "resolve_config"]
TERMINATED = 143  # 128 plus SIGTERM's number, as in a shell.


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    define_config_flag(flag_values)
    flags.DEFINE_string("workdir", None, "the run's folder", flag_values=flag_values)
    about = "number of processes that train together on this machine"
    flags.DEFINE_integer("local_workers", 1, about, lower_bound=1, flag_values=flag_values)
    flags.DEFINE_bool("dry_run", False, "describe it; do not train", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Train, start the workers that train, or describe what would be trained."""
    del argv
    values = flags.FLAGS
    if not (values.workdir or values.dry_run):
        print("tfdeblur train: --workdir must name the run's folder. Got: none.", file=sys.stderr)
        return 2
    if values.local_workers > 1:
        from tfdeblur.training.launch import launch

        own = ("--local_workers=1", "--config.runtime.strategy=multi_worker")
        return launch(command_with("train", own=own), values.local_workers)
    if values.dry_run:
        from tfdeblur.studies.dry_run import dry_run

        dry_run(values.config)
        return 0
    return _train()


def _train() -> int:
    from tfdeblur.evaluation.evaluate import format_means
    from tfdeblur.training.stop_signal import Interrupted
    from tfdeblur.training.train import train

    try:
        result = train(flags.FLAGS.config, flags.FLAGS.workdir)
    except Interrupted as interrupted:
        print(f"{interrupted} Run the same command again to resume it.", file=sys.stderr)
        return TERMINATED
    print(f"Step {result['step']}: validation {format_means(result['validation'])}.")
    print(f"weights sha256: {result['weights_sha256']}")
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main, argv=[resolve_config(argument) for argument in sys.argv])
