"""Time making or reading training pairs: tfdeblur benchmark data

  tfdeblur benchmark data
  tfdeblur benchmark data --recipe=wrfn,gfn --rounds=9 --json=speed.json
  tfdeblur benchmark data --images=photos
  tfdeblur benchmark data --prepared=blurred_text/x4 --data_dir=prepared --batch_size=16

Prints for each recipe the pairs per second and core of tfdeblur and of a plain implementation in
numpy and OpenCV, which take turns on one thread, and the share of each of our stages, with the PNG
encoding of `tfdeblur data build`. --images takes photographs from a folder instead of drawing them.

--prepared instead times the batches that `tfdeblur train` reads from prepared data, on all cores.
--json writes the figures and a description of the machine.
"""

import sys
from typing import Any

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_list("recipe", [], "recipes to time (default: all)", flag_values=flag_values)
    for name, default, least, about in (
        ("rounds", 5, 1, "turns of each"),
        ("seed", 0, 0, "seed of every draw"),
        ("batch_size", 16, 1, "with --prepared: pairs in a batch"),
        ("crop_size", 0, 0, "with --prepared: as in training"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=least, flag_values=flag_values)
    flags.DEFINE_float("seconds", 1.0, "length of each turn", flag_values=flag_values)
    for name, about in (
        ("images", "folder of photographs to degrade (default: drawn ones)"),
        ("prepared", "time reading this prepared data instead, NAME/CONFIG"),
        ("data_dir", "with --prepared: its folder (default: that of TFDS)"),
        ("split", "with --prepared: which split (default: train)"),
        ("json", "file to write the figures to"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Measure, print and write, as set by the flags."""
    from tfdeblur.images.files import write_json

    try:
        if argv[1:]:
            raise ValueError(f"takes no argument but flags. Got: {' '.join(argv[1:])!r}.")
        measured, text = _measure(flags.FLAGS)
    except ValueError as error:
        print(f"tfdeblur benchmark data: {error}", file=sys.stderr)
        return 2
    print(text)
    if flags.FLAGS.json:
        write_json(flags.FLAGS.json, measured)
    return 0


def _measure(values: flags.FlagValues) -> tuple[dict, str]:
    from tfdeblur.benchmarks import data, report

    turns = {"rounds": values.rounds, "seconds": values.seconds}
    if values.prepared:
        from tfdeblur.benchmarks.reading import measure_reading

        sizes = {"batch_size": values.batch_size, "crop_size": values.crop_size}
        source: dict[str, Any] = {
            "data_dir": values.data_dir or "",
            "split": values.split or "train",
        }
        read = measure_reading(values.prepared, **source, **sizes, **turns)
        return read, report.reading_table(read)
    recipes, images = tuple(values.recipe) or data.NAMES, values.images or ""
    made = data.benchmark(data.Options(recipes, images=images, seed=values.seed, **turns))
    return made, report.table(made)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
