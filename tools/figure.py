"""Draw the README's picture: unseen pages, enlarged by bicubic and by a model, and the truth.

  python -m tfdeblur_tools.figure --model=scgan_text --output=docs/before_after.png

The pages are the first of the test split, drawn with a separate seed.
"""

from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_string("model", "scgan_text", "model: a name or a path", flag_values=flag_values)
    flags.DEFINE_string(
        "output", "docs/before_after.png", "the picture's file", flag_values=flag_values
    )
    flags.DEFINE_integer("rows", 3, "number of pages", lower_bound=1, flag_values=flag_values)
    flags.DEFINE_integer("seed", 5, "seed of the pages", lower_bound=0, flag_values=flag_values)


def main(argv: list[str]) -> None:
    """Draw the picture."""
    del argv
    from tfdeblur.degradations.recipes import TextRecipe
    from tfdeblur.evaluation.evaluate import make_baseline
    from tfdeblur.images.files import write_image
    from tfdeblur.inference.restorer import Restorer
    from tfdeblur.reporting.sheets import Picture, contact_sheet

    restorer = Restorer.load(flags.FLAGS.model)
    recipe = TextRecipe(patch_size=200, patches_per_page=1, noise_max=0.0)
    rows = []
    for index in range(flags.FLAGS.rows):
        pair = recipe.pair(flags.FLAGS.seed, index, "test")
        rows.append(
            [
                Picture(
                    make_baseline(pair.degraded, restorer.scale), "50 x 50 px input, bicubic x4"
                ),
                Picture(restorer.restore(pair.degraded), flags.FLAGS.model),
                Picture(pair.target, "truth"),
            ]
        )
    write_image(Path(flags.FLAGS.output), contact_sheet(rows))


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
