"""The whole road in minutes: score the shipped model, fine-tune it on another domain, show both.

The domain that the shipped model has never seen is `dark_mode`: light text on dark screens. Every
picture is drawn from the test split, whose font families, texts and blurs training never saw.
"""

import shutil
from pathlib import Path
from typing import Any

from tfdeblur.data.pairs import ImagePair
from tfdeblur.data.pipeline import DataConfig, make_validation
from tfdeblur.evaluation.evaluate import Scores, make_baseline, paired_gain, score_pairs, summarise
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.images import files
from tfdeblur.inference.restorer import Restorer
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.reporting import html
from tfdeblur.reporting.sheets import Picture, contact_sheet
from tfdeblur.training.experiment import (
    ExperimentConfig,
    OptimizerConfig,
    TrainConfig,
    load_trained,
)
from tfdeblur.training.train import make_restore, train

MODEL = "scgan_text"
DOMAIN = "dark_mode"
COUNT = 64  # Pictures of each domain.
PAGE_SIZE = 200  # Pixels; 50 px low-resolution, as SCGAN's test images.
PATCH_SIZE = 128
SEED = 20_171_022  # Of every picture here.
_PROTOCOL = make_protocol("rgb", 4)


def run(output: Path, steps: int) -> dict[str, Any]:
    """Run the quickstart.

    Args:
      output: folder for the fine-tuned run, the pictures and index.html.
      steps: updates of the fine-tuning, 16 patches each.

    Returns:
      `pages`: summary of the shipped model on held-out printed pages; `before` and `after`:
      summaries on the other domain; `gain`: paired gain in PSNR of the fine-tuning, with its
      standard error; `page`: path of the report.
    """
    shipped = Restorer.load(MODEL).restore
    printed = _draw("print", PAGE_SIZE)
    pages = score_pairs(shipped, printed, 4, _PROTOCOL)
    print(_table(f"{MODEL} on {COUNT} held-out pages", {"bicubic": pages, MODEL: pages}))

    print(f"\nFine-tuning {MODEL} on `{DOMAIN}`, {steps} steps:")
    workdir = output / DOMAIN
    shutil.rmtree(workdir, ignore_errors=True)  # Always from the shipped model, never resumed.
    train(fine_tuning(steps), workdir)
    tuned = make_restore(load_trained(workdir, "latest").generator)
    dark = _draw(DOMAIN, PATCH_SIZE)
    before = score_pairs(shipped, dark, 4, _PROTOCOL)
    after = score_pairs(tuned, dark, 4, _PROTOCOL)
    gain = paired_gain(
        [image.psnr for image in before.images], [image.psnr for image in after.images]
    )
    systems = {"bicubic": before, f"{MODEL}, as shipped": before, f"{MODEL}, fine-tuned": after}
    print(_table(f"`{DOMAIN}`: {COUNT} fixed patches that training never saw", systems))
    print(
        f"Gain of the fine-tuning: {gain.mean:+.2f} dB, standard error {gain.standard_error:.2f}."
    )

    report = output / "index.html"
    _write_report(report, printed, shipped, dark, tuned, pages, systems)
    return {
        "pages": summarise(pages, 4, _PROTOCOL),
        "before": summarise(before, 4, _PROTOCOL),
        "after": summarise(after, 4, _PROTOCOL),
        "gain": gain,
        "page": report,
    }


def fine_tuning(steps: int) -> ExperimentConfig:
    """Return the experiment: the pixel loss alone, from the shipped weights, on `DOMAIN`."""
    return ExperimentConfig(
        name=f"quickstart_{DOMAIN}",
        model=SCGANConfig(objective="pixel"),
        data=DataConfig(domain=DOMAIN),
        optimizer=OptimizerConfig(learning_rate=2e-4, schedule="cosine"),
        train=TrainConfig(
            steps=steps,
            checkpoint_every=50,
            validate_every=steps,
            validation_count=16,
            init_from=MODEL,
        ),
    )


def _draw(domain: str, size: int) -> list[ImagePair]:
    data = DataConfig(patch_size=size, patches_per_page=1, domain=domain)
    return make_validation(data, "test", COUNT, SEED)


def _rows(systems: dict[str, Scores]) -> list[tuple[str, str, str]]:
    rows = []
    for name, scores in systems.items():
        means = summarise(scores, 4, _PROTOCOL)["baseline" if name == "bicubic" else "restored"]
        rows.append((name, f"{means['psnr']:.2f}", f"{means['ssim']:.4f}"))
    return rows


def _table(title: str, systems: dict[str, Scores]) -> str:
    lines = [f"{name:<28} {psnr:>9} {ssim:>8}" for name, psnr, ssim in _rows(systems)]
    return "\n".join(["", title, f"{'':<28} {'PSNR (dB)':>9} {'SSIM':>8}", *lines])


def _write_report(report: Path, printed, shipped, dark, tuned, pages, systems) -> None:
    def sheet(pairs, restore, name):
        rows = [
            [
                Picture(make_baseline(pair.degraded, 4), "input, bicubic x4"),
                Picture(restore(pair.degraded), name),
                Picture(pair.target, "truth"),
            ]
            for pair in pairs[:6]
        ]
        return contact_sheet(rows)

    header = ("", "PSNR (dB)", "SSIM")
    parts = [
        html.heading("Printed pages, held out"),
        html.paragraph(
            "Font families, texts and blurs of these pages were absent from training. "
            f"{_PROTOCOL.description}"
        ),
        html.table(header, _rows({"bicubic": pages, MODEL: pages})),
        html.picture(sheet(printed, shipped, MODEL), "The shipped model on the first six pages."),
        html.heading(f"Another domain: {DOMAIN}"),
        html.table(header, _rows(systems)),
        html.picture(sheet(dark, tuned, "fine-tuned"), "After fine-tuning on this machine."),
    ]
    files.write_text(report, html.build_page("tfdeblur quickstart", parts))
