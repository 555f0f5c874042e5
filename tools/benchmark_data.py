"""Time making or reading training pairs: tfdeblur benchmark data

  tfdeblur benchmark data
  tfdeblur benchmark data --recipe=wrfn,gfn --rounds=9 --json=speed.json
  tfdeblur benchmark data --images=photos
  tfdeblur benchmark data --prepared=blurred_text/x4 --data_dir=prepared --batch_size=16

For each paper's recipe, prints the pairs per second and core of tfdeblur and of a plain
implementation in numpy and OpenCV, which alternate, and the time share of each stage of ours,
including PNG encoding as in `tfdeblur data build`. One thread each. --images takes photographs from
a folder; by default they are drawn.

--prepared instead times the batches that `tfdeblur train` reads from prepared data, on all cores.
--json writes the figures and a description of the machine. The exit code is 2 for invalid flags.
"""

import sys

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_list("recipe", [], "recipes to time (default: all)", flag_values=flag_values)
    for name, default, about in (
        ("rounds", 5, "how often each takes its turn"),
        ("batch_size", 16, "with --prepared: pairs in a batch"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=1, flag_values=flag_values)
    flags.DEFINE_float("seconds", 1.0, "of each turn", flag_values=flag_values)
    flags.DEFINE_integer("seed", 0, "of every draw", lower_bound=0, flag_values=flag_values)
    flags.DEFINE_integer(
        "crop_size", 0, "with --prepared: as in training", lower_bound=0, flag_values=flag_values
    )
    for name, about in (
        ("images", "folder of photographs to degrade (default: drawn ones)"),
        ("prepared", "time the reading of this prepared data instead, NAME/CONFIG"),
        ("data_dir", "with --prepared: where it is (default: that of TFDS)"),
        ("split", "with --prepared: which split (default: train)"),
        ("json", "file to write the figures to"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Measure, print and write, as set by the flags."""
    from tfdeblur.benchmarks import data, report
    from tfdeblur.images.files import write_json

    values = flags.FLAGS
    try:
        if argv[1:]:
            raise ValueError(f"takes no argument but flags. Got: {' '.join(argv[1:])!r}.")
        if values.prepared:
            measured, text = _reading()
        else:
            options = data.Options(
                recipes=tuple(values.recipe) or data.NAMES,
                rounds=values.rounds,
                seconds=values.seconds,
                images=values.images or "",
                seed=values.seed,
            )
            measured = data.benchmark(options)
            text = report.table(measured)
    except ValueError as error:
        print(f"tfdeblur benchmark data: {error}", file=sys.stderr)
        return 2
    print(text)
    if values.json:
        write_json(values.json, measured)
    return 0


def _reading() -> tuple[dict, str]:
    from tfdeblur.benchmarks.reading import measure_reading
    from tfdeblur.benchmarks.report import reading_table

    values = flags.FLAGS
    measured = measure_reading(
        values.prepared,
        values.data_dir or "",
        split=values.split or "train",
        batch_size=values.batch_size,
        crop_size=values.crop_size,
        rounds=values.rounds,
        seconds=values.seconds,
    )
    return measured, reading_table(measured)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
