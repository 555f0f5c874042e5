"""Draw examples of prepared data: tfdeblur data show NAME/CONFIG --output=PICTURE

  tfdeblur data show blurred_faces/two_branch --data_dir=prepared --output=faces.png
  tfdeblur data show blurred_text/x4 --data_dir=prepared --split=test --count=12 --output=text.png

One example per row: the degraded image, enlarged without interpolation, any further images, and the
target.
"""

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, default, about in (
        ("data_dir", None, "folder of prepared data (default: that of TFDS)"),
        ("split", "train", "split to draw from"),
        ("output", None, "picture to write, PNG or JPEG"),
    ):
        flags.DEFINE_string(name, default, about, flag_values=flag_values)
    flags.DEFINE_integer("count", 6, "number of examples", lower_bound=1, flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Draw the first examples."""
    from tfdeblur.data.show import write_example_sheet

    values = flags.FLAGS
    if len(argv) != 2 or values.output is None:
        raise ValueError(
            f"use `data show NAME/CONFIG --output=PICTURE`. Got: {' '.join(argv[1:])!r} and "
            f"--output={values.output}."
        )
    write_example_sheet(values.output, argv[1], values.data_dir, values.split, values.count)
    print(f"Drawn: {values.output}")
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
