"""Prepare data for training and evaluation: tfdeblur data build NAME/CONFIG --data_dir=DIR

  tfdeblur data build blurred_text/x4 --data_dir=prepared
  tfdeblur data build blurred_text/x4 --data_dir=prepared --count=200000 --seed=7
  tfdeblur data build blurred_faces/enhance_unet --manual_dir=portraits --data_dir=prepared
  tfdeblur data build blurred_faces/scgan_face --source=celeb_a --data_dir=prepared
  tfdeblur data build lr_gopro --manual_dir=GOPRO_Large --data_dir=prepared \\
    --beam_runner=DirectRunner

Writes TFRecords to --data_dir (default: that of TFDS, ~/tensorflow_datasets). Nothing is
downloaded: --manual_dir is your own folder, laid out as docs/data.md says; --source is an image
data set that TFDS has prepared in --data_dir. `tfdeblur data list` lists what can be built.

Existing data is kept unless --overwrite is given. An interrupted build leaves no data set behind;
the same command resumes it. A file that breaks a rule is skipped, named and counted; the build
continues, and the exit code is 1.

--count sets the number of training images or pairs. With a count, seed or source other than the
default, the configuration gets another name, which is printed, such as
blurred_text/x4_count200000_seed7. Refer to the data by that name:

  tfdeblur train --config=scgan_text --workdir=run --config.data.source=prepared \\
    --config.data.name=blurred_text/x4 --config.data.data_dir=prepared
  tfdeblur evaluate --model=scgan_text --data=blurred_text/pages --data_dir=prepared

--beam_runner makes the files in parallel with Apache Beam (extra `beam`): DirectRunner with a
process for each core (--beam_options=direct_num_workers=4 sets how many), PortableRunner on a
cluster. The files are identical to the byte; the last line has the hash over all of them.
"""

import functools
import sys

from absl import app, flags

SKIPPED_SHOWN = 20


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, about in (
        ("data_dir", "of prepared data (default: that of TFDS)"),
        ("manual_dir", "folder of your own images"),
        ("source", "name of a TFDS image data set, instead of --manual_dir"),
        ("beam_runner", "DirectRunner, PortableRunner, … (default: this process alone)"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)
    flags.DEFINE_list("beam_options", [], "name=value,… for Beam", flag_values=flag_values)
    flags.DEFINE_integer("count", None, "training images or pairs", flag_values=flag_values)
    flags.DEFINE_integer("seed", None, "of every draw (default: 0)", flag_values=flag_values)
    flags.DEFINE_boolean("overwrite", False, "replace data that is there", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Prepare one NAME/CONFIG as set by the flags, and print a summary."""
    from tfdeblur.data.build.prepare import prepare
    from tfdeblur_tools.builders import find_builders

    values = flags.FLAGS
    if len(argv) != 2:
        raise ValueError(f"use `data build NAME/CONFIG`. Got: {' '.join(argv[1:])!r}.")
    builders = find_builders()
    if argv[1] not in builders:
        raise ValueError(f"NAME/CONFIG must be one of {', '.join(builders)}. Got: {argv[1]!r}.")
    module, config_name = builders[argv[1]]
    changes = {name: getattr(values, name) for name in ("count", "seed", "source")}
    given = {name: value for name, value in changes.items() if value is not None}
    config = module.Builder.builder_configs[config_name].variant(**given)
    prepared = prepare(
        functools.partial(module.Builder, config=config, data_dir=values.data_dir),
        manual_dir=values.manual_dir,
        overwrite=values.overwrite,
        beam_runner=values.beam_runner,
        beam_options=_options(values.beam_options),
    )
    return _describe(prepared)


def _options(given: list[str]) -> dict[str, str]:
    wrong = [option for option in given if "=" not in option]
    if wrong:
        raise ValueError(f"`--beam_options` must be name=value,… Got: {wrong[0]!r}.")
    return dict(option.split("=", 1) for option in given)


def _describe(prepared) -> int:
    """Print what was prepared and what was skipped; return the exit code."""
    builder = prepared.builder
    for note in prepared.notes:
        print(note)
    done = "Prepared" if prepared.written else "Already prepared (--overwrite builds it anew)"
    splits = builder.info.splits
    counts = ", ".join(f"{splits[name].num_examples} {name}" for name in splits)
    print(f"{done}: {builder.name}/{builder.builder_config.name} {builder.version}: {counts}")
    print(f"in {builder.data_dir}")
    print(f"sha256 of all files: {builder.info.metadata['shards_sha256']}")
    if not prepared.skipped:
        return 0
    for file, reason in prepared.skipped[:SKIPPED_SHOWN]:
        print(f"  {file}: {reason}", file=sys.stderr)
    more = len(prepared.skipped) - SKIPPED_SHOWN
    rest = f" ({more} more in skipped.json there)" if more > 0 else ""
    print(f"tfdeblur data build: left out {len(prepared.skipped)}{rest}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
