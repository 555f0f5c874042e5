"""Prepare data for training and evaluation: tfdeblur data build NAME/CONFIG --data_dir=DIR

  tfdeblur data build blurred_text/x4 --data_dir=prepared --count=200000 --seed=7
  tfdeblur data build blurred_faces/enhance_unet --manual_dir=portraits --data_dir=prepared
  tfdeblur data build blurred_faces/scgan_face --source=celeb_a --data_dir=prepared
  tfdeblur data build lr_gopro --manual_dir=GOPRO_Large --data_dir=prepared \\
    --beam_runner=DirectRunner

Writes TFRecords to --data_dir (default: that of TFDS, ~/tensorflow_datasets). Nothing is
downloaded: --manual_dir is your own folder, laid out as docs/data.md says; --source is an image
data set that TFDS has prepared in --data_dir. --overwrite replaces existing data, which is kept
otherwise. The same command resumes an interrupted build. A file that breaks a rule is skipped,
named and counted; the exit code is then 1. `tfdeblur data list` lists what can be built.

--count sets the number of training images or pairs. Another count, seed or source than the default
gives the data another name, which is printed: blurred_text/x4_count200000_seed7. Use that name:

  tfdeblur train --config=scgan_text --workdir=run --config.data.source=prepared \\
    --config.data.name=blurred_text/x4 --config.data.data_dir=prepared
  tfdeblur evaluate --model=scgan_text --data=blurred_text/pages --data_dir=prepared

--beam_runner writes the same files in parallel with Apache Beam (extra `beam`): DirectRunner with a
process for each core (--beam_options=direct_num_workers=4 sets how many), PortableRunner on a
cluster. The last line is a hash over all files.
"""

import sys

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, about in (
        ("data_dir", "folder of prepared data (default: that of TFDS)"),
        ("manual_dir", "folder of your own images"),
        ("source", "name of a TFDS image data set, instead of --manual_dir"),
        ("beam_runner", "DirectRunner, PortableRunner, … (default: this process alone)"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)
    flags.DEFINE_list("beam_options", [], "options for Beam: name=value,…", flag_values=flag_values)
    flags.DEFINE_integer("count", None, "training images or pairs to make", flag_values=flag_values)
    flags.DEFINE_integer("seed", None, "seed of every draw (default: 0)", flag_values=flag_values)
    flags.DEFINE_boolean("overwrite", False, "replace existing data", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Prepare one NAME/CONFIG as set by the flags, and print a summary."""
    from tfdeblur.data.build.prepare import prepare
    from tfdeblur_tools.builders import find_builder

    values = flags.FLAGS
    if len(argv) != 2:
        raise ValueError(f"use `data build NAME/CONFIG`. Got: {' '.join(argv[1:])!r}.")
    given = {name: getattr(values, name) for name in ("count", "seed", "source")}
    changes = {name: value for name, value in given.items() if value is not None}
    prepared = prepare(
        find_builder(argv[1], data_dir=values.data_dir, **changes),
        manual_dir=values.manual_dir,
        overwrite=values.overwrite,
        beam_runner=values.beam_runner,
        beam_options=_options(values.beam_options),
    )
    print("\n".join(prepared.summary()))
    if not prepared.skipped:
        return 0
    print("\n".join(prepared.left_out()), file=sys.stderr)
    return 1


def _options(given: list[str]) -> dict[str, str]:
    wrong = [option for option in given if "=" not in option]
    if wrong:
        raise ValueError(f"`--beam_options` must be name=value,… Got: {wrong[0]!r}.")
    return dict(option.split("=", 1) for option in given)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
