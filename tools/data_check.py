"""Find problems in pairs of images: tfdeblur data check PATH_OR_NAME

  tfdeblur data check photos --html=report.html
  tfdeblur data check photos --split=train,test --scale=4 --limit=1000
  tfdeblur data check blurred_text/x4 --data_dir=prepared

PATH is a folder with lr/ and hr/ or blurry/ and sharp/, or with such folders in train/ and test/;
NAME is prepared data. Prints every finding and what was examined; --html writes them with pictures.
The exit code is 1 if there is an error, 2 if nothing could be examined. Checking a folder needs no
TensorFlow.
"""

import sys

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, about in (
        ("data_dir", "folder of prepared data (default: that of TFDS)"),
        ("html", "HTML page to write"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)
    flags.DEFINE_list("split", [], "splits to examine (default: all)", flag_values=flag_values)
    for name, default, about in (
        ("scale", None, "ratio of target to degraded sides (default: that of most pairs)"),
        ("patch_size", 64, "report targets whose sides are smaller, in pixels"),
        ("limit", None, "examine only the first so many pairs of each split"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=1, flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Examine pairs as set by the flags and print the findings."""
    from tfdeblur.data.check.doctor import examine

    values = flags.FLAGS
    try:
        if len(argv) != 2:
            raise ValueError(f"use `check PATH_OR_NAME`. Got: {' '.join(argv[1:])!r}.")
        choices = {name: getattr(values, name) for name in ("scale", "patch_size", "limit", "html")}
        report = examine(argv[1], values.data_dir, values.split, **choices)
    except ValueError as error:
        print(f"tfdeblur data check: {error}", file=sys.stderr)
        return 2
    print(report.text())
    return 1 if report.failed else 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
