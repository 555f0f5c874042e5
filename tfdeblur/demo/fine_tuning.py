"""Second half of the quickstart: fine-tune the shipped model on a domain new to it.

The domain is `dark_mode`: light text on dark screens.
"""

import shutil
from pathlib import Path

from tfdeblur.data.config import DataConfig
from tfdeblur.demo import shipped
from tfdeblur.demo.shipped import COUNT, MODEL, PROTOCOL, Chapter
from tfdeblur.evaluation.evaluate import Gain, paired_gain, score_pairs, summarise
from tfdeblur.inference.restorer import Restorer
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.reporting import html
from tfdeblur.training.experiment import (
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
    load_trained,
)
from tfdeblur.training.train import train
from tfdeblur.training.validation import make_image_restore

DOMAIN = "dark_mode"
_PATCH_SIZE = 128


def fine_tune(output: Path, steps: int) -> tuple[Chapter, Gain]:
    """Fine-tune the shipped model and score it on fixed patches before and after.

    Args:
      output: folder for the run.
      steps: updates, 8 patches each.

    Returns:
      The chapter, and the paired gain in PSNR with its standard error.
    """
    print(f"\nFine-tuning {MODEL} on `{DOMAIN}`, {steps} steps:")
    workdir = output / DOMAIN
    shutil.rmtree(workdir, ignore_errors=True)  # Always start from the shipped model; never resume.
    train(experiment(steps), workdir)
    tuned = make_image_restore(load_trained(workdir, "latest").generator)
    pairs = shipped.draw(DOMAIN, _PATCH_SIZE)
    before = score_pairs(Restorer.load(MODEL).restore, pairs, 4, PROTOCOL)
    after = score_pairs(tuned, pairs, 4, PROTOCOL)
    gain = paired_gain(
        [image.psnr for image in before.images], [image.psnr for image in after.images]
    )
    systems = {"bicubic": before, f"{MODEL}, as shipped": before, f"{MODEL}, fine-tuned": after}
    shipped.print_table(f"`{DOMAIN}`: {COUNT} fixed patches that training never saw", systems)
    print(
        f"Gain of the fine-tuning: {gain.mean:+.2f} dB, standard error {gain.standard_error:.2f}."
    )
    parts = [
        html.heading(f"Another domain: {DOMAIN}"),
        shipped.html_table(systems),
        html.picture(
            shipped.sheet(pairs, tuned, "fine-tuned"), "After fine-tuning on this machine."
        ),
    ]
    return Chapter(summarise(after, 4, PROTOCOL), parts), gain


def experiment(steps: int) -> ExperimentConfig:
    """Return the experiment: only the pixel loss, from the shipped weights, on `DOMAIN`."""
    return ExperimentConfig(
        name=f"quickstart_{DOMAIN}",
        model=SCGANConfig(objective="pixel"),
        data=DataConfig(domain=DOMAIN),
        optimizer=OptimizerConfig(learning_rate=2e-4, schedule="cosine"),
        train=TrainConfig(
            steps=steps,
            batch_size=8,
            checkpoint_every=50,
            validate_every=steps,
            validation_count=16,
            init_from=MODEL,
        ),
    )
