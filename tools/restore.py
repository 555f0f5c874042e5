"""Restore photographs: tfdeblur restore INPUT... --output=DIR [--model=MODEL]

  tfdeblur restore page.png --output=restored
  tfdeblur restore scans/ more/page.jpg --output=restored
  tfdeblur restore scans/ --output=restored --model=runs/exported/2 --skip_existing

Inputs are pictures (PNG, JPEG, WebP, TIFF, BMP, GIF, PPM) and folders, which are searched
recursively. Results keep their names and formats in the output folder, which mirrors a folder's
tree; GIF and PPM become PNG. --format writes all in one format. With the default model they are 4
times as wide and high. Grey stays grey, and transparency, EXIF and XMP fields and the size on paper
are kept.

--model takes a name that `tfdeblur models` lists, the folder of an exported model, or a .tflite
file. Models run with LiteRT if it is installed, so TensorFlow is not needed.

Other files in a folder are skipped and counted. Unreadable files are reported with the reason and
skipped; the exit code is then 1. Existing results are replaced, or kept with --skip_existing.
Inputs are never overwritten.
"""

import sys

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    own = {"flag_values": flag_values}
    flags.DEFINE_string("output", None, "folder for the results", **own)
    flags.DEFINE_string("model", "scgan_text", "model: a name, a folder or a .tflite file", **own)
    runtimes = ["auto", "litert", "saved_model"]
    flags.DEFINE_enum("runtime", "auto", runtimes, "what runs it; auto prefers LiteRT", **own)
    flags.DEFINE_bool("skip_existing", False, "keep existing results", **own)
    formats = ["png", "jpg", "webp", "tif", "bmp"]
    flags.DEFINE_enum("format", None, formats, "of all results; default: each input's own", **own)
    flags.DEFINE_integer("quality", 95, "of JPEG and WebP results", 1, 100, **own)
    flags.mark_flag_as_required("output", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Restore; return 1 if any input failed."""
    values, inputs = flags.FLAGS, argv[1:]
    if not inputs or not all(inputs):
        print("tfdeblur restore: name at least one file or folder.", file=sys.stderr)
        return 2
    from tfdeblur.inference.batch import restore_files
    from tfdeblur.inference.restorer import Restorer

    restorer = Restorer.load(values.model, values.runtime)
    outcome = restore_files(
        restorer,
        inputs,
        values.output,
        skip_existing=values.skip_existing,
        suffix=values.format and f".{values.format}",
        quality=values.quality,
    )
    if outcome.ignored:
        kinds = sorted({path.suffix.lower() or "no suffix" for path in outcome.ignored})
        print(f"{len(outcome.ignored)} other files ignored: {', '.join(kinds)}")
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    failed = len(outcome.failures)
    print(f"{outcome.restored} restored{skipped}, {failed} failed; results in {values.output}")
    return 1 if failed else 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
