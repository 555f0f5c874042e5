"""Show the whole workflow in minutes: score the shipped text model, fine-tune it, write a report.

  make quickstart
  python -m tfdeblur_tools.quickstart --output=quickstart --steps=150

Prints a table that compares the shipped model with bicubic on held-out pages, fine-tunes the model
on an unseen domain (light text on dark screens), prints the gain on 64 fixed patches, and the path
of a page with before and after pictures. --light skips the fine-tuning and needs no TensorFlow.
Exit code 1 if the shipped model does not beat bicubic by 1 dB and 0.05 SSIM, or the gain is not
more than twice its standard error.
"""

import os
import sys
from pathlib import Path

from absl import app, flags

from tfdeblur.demo.shipped import score_shipped
from tfdeblur.images import files
from tfdeblur.reporting import html


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_string(
        "output", "quickstart", "folder of the run and the report", flag_values=flag_values
    )
    flags.DEFINE_integer(
        "steps", 150, "steps of the fine-tuning", lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_bool("light", False, "only restore; needs no TensorFlow", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Run the quickstart and check its results."""
    del argv
    output, failures = Path(flags.FLAGS.output), []
    shipped = score_shipped()
    parts = shipped.parts
    gains = {name: gain["mean"] for name, gain in shipped.summary["gain"].items()}
    if gains["psnr"] < 1.0 or gains["ssim"] < 0.05:
        failures.append(f"The shipped model must gain 1 dB and 0.05 SSIM. Got: {gains}.")
    if not flags.FLAGS.light:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Hide missing GPU libraries.
        from tfdeblur.demo.fine_tuning import fine_tune

        tuned, gain = fine_tune(output, flags.FLAGS.steps)
        parts += tuned.parts
        if gain.mean <= 2 * (gain.standard_error or 0.0):
            failures.append(f"Fine-tuning must gain twice its standard error. Got: {gain}.")
    page = output / "index.html"
    files.write_text(page, html.build_page("tfdeblur quickstart", parts))
    print(f"\nBefore and after: {page.resolve()}")
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
