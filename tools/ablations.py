"""Generate the page of all ablations from the models.

  python -m tfdeblur_tools.ablations --output=docs/ablations.md

Builds every ablation of every paper and runs it on a tiny batch: a few minutes on two CPU cores.
"""

from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_string("output", "docs/ablations.md", "the page's file", flag_values=flag_values)


def main(argv: list[str]) -> None:
    """Write the page."""
    del argv
    from tfdeblur.studies.ablation_rows import SYSTEMS
    from tfdeblur.studies.ablation_table import HEAD, table

    page = "\n".join([HEAD, *map(table, SYSTEMS)])
    Path(flags.FLAGS.output).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
