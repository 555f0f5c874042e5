"""Export a trained model: tfdeblur export --workdir=RUN --output=DIR

  tfdeblur export --workdir=runs/text --output=saved_models/scgan_text
  tfdeblur export --workdir=runs/text --output=out/text --images=photos --notes=notes.md

Writes DIR/<next version>/ with a SavedModel (signatures serving_default and restore_bytes), the
same model as model_float16.tflite, metadata.json, model_card.md, and the files a later run can
start from. Before the folder appears, both artifacts restore ten images of five sizes and must
match the trained generator to within one 8-bit level. If they do not, nothing is left behind, and
the error gives the measured difference.

--images names a folder with ten or more real images, or with pairs in lr/ and hr/ (blurry/ and
sharp/), whose scores go on the card. By default, ten pages of text are drawn that no run trains on.
"""

import sys
from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, help_text in (
        ("workdir", "the run's folder"),
        ("output", "the model's folder; its versions are subfolders 1, 2, …"),
        ("images", "folder of images or pairs for the check; drawn pages by default"),
        ("notes", "markdown file whose text ends the model card"),
    ):
        flags.DEFINE_string(name, None, help_text, flag_values=flag_values)
    flags.DEFINE_enum(
        "checkpoint", "best", ["best", "latest"], "weights to export", flag_values=flag_values
    )
    flags.DEFINE_float(
        "hours", None, "hours of training, for the model card", flag_values=flag_values
    )
    flags.mark_flags_as_required(["workdir", "output"], flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Export."""
    from tfdeblur.export.gate import GateError
    from tfdeblur.training.release import release

    values = flags.FLAGS
    try:
        folder = release(
            values.workdir,
            values.output,
            which=values.checkpoint,
            images=values.images,
            notes=Path(values.notes).read_text("utf-8") if values.notes else "",
            hours=values.hours,
        )
    except (GateError, OSError, ValueError) as error:
        print(f"tfdeblur export: {error}", file=sys.stderr)
        return 1
    print(f"Published {folder}")
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
