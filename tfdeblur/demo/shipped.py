"""First half of the quickstart, without TensorFlow: the shipped model on unseen pages.

Every picture of the quickstart is drawn from the test split; its font families, texts and blurs
never occur in training.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from tfdeblur.data.config import DataConfig
from tfdeblur.data.pairs import ImagePair
from tfdeblur.evaluation.evaluate import Scores, make_baseline, score_pairs, summarise
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.inference.restorer import Restorer
from tfdeblur.reporting import html
from tfdeblur.reporting.sheets import Picture, contact_sheet

MODEL = "scgan_text"
COUNT = 64  # Pictures of each domain.
SEED = 20_171_022  # Of every picture.
PROTOCOL = make_protocol("rgb", 4)
_PAGE_SIZE = 200  # Pixels; 50 px low-resolution, like SCGAN's test images.
_SHOWN = 6


@dataclass(frozen=True)
class Chapter:
    """Results of one half of the quickstart.

    Attributes:
      summary: of the scores, from `evaluation.evaluate.summarise`.
      parts: of the HTML page.
    """

    summary: dict[str, Any]
    parts: list[Markup]


def score_shipped() -> Chapter:
    """Score the shipped model and bicubic on held-out printed pages, and print the table."""
    restore = Restorer.load(MODEL).restore
    pairs = draw("print", _PAGE_SIZE)
    scores = score_pairs(restore, pairs, 4, PROTOCOL)
    systems = {"bicubic": scores, MODEL: scores}
    print_table(f"{MODEL} on {COUNT} held-out pages", systems)
    parts = [
        html.heading("Printed pages, held out"),
        html.paragraph(
            "Font families, texts and blurs of these pages were absent from training. "
            f"{PROTOCOL.description}"
        ),
        html_table(systems),
        html.picture(sheet(pairs, restore, MODEL), "The shipped model on the first six pages."),
    ]
    return Chapter(summarise(scores, 4, PROTOCOL), parts)


def draw(domain: str, size: int) -> list[ImagePair]:
    """Draw `COUNT` pairs of the test split, each from its own page.

    Args:
      domain: of the pages; see `degradations.pages`.
      size: side of the square targets in pixels.
    """
    data = DataConfig(patch_size=size, patches_per_page=1, domain=domain)
    recipe = data.build_recipe("test")
    pairs = (recipe.pair(SEED, index, "test") for index in range(COUNT))
    return [
        ImagePair(f"{domain}-{index}", pair.degraded, pair.target)
        for index, pair in enumerate(pairs)
    ]


def print_table(title: str, systems: Mapping[str, Scores]) -> None:
    """Print the mean PSNR and SSIM of each system; `bicubic` shows the baseline's."""
    print(f"\n{title}\n{'':<28} {'PSNR (dB)':>9} {'SSIM':>8}")
    for name, psnr, ssim in _rows(systems):
        print(f"{name:<28} {psnr:>9} {ssim:>8}")


def html_table(systems: Mapping[str, Scores]) -> Markup:
    """Return the mean PSNR and SSIM of each system as HTML."""
    return html.table(("", "PSNR (dB)", "SSIM"), _rows(systems))


def sheet(
    pairs: list[ImagePair], restore: Callable[[np.ndarray], np.ndarray], name: str
) -> np.ndarray:
    """Draw the first pairs: bicubic, restored (labelled `name`), truth; `[H, W, 3]` uint8."""
    return contact_sheet(
        [
            [
                Picture(make_baseline(pair.degraded, 4), "input, bicubic x4"),
                Picture(restore(pair.degraded), name),
                Picture(pair.target, "truth"),
            ]
            for pair in pairs[:_SHOWN]
        ]
    )


def _rows(systems: Mapping[str, Scores]) -> list[tuple[str, str, str]]:
    rows = []
    for name, scores in systems.items():
        means = summarise(scores, 4, PROTOCOL)["baseline" if name == "bicubic" else "restored"]
        rows.append((name, f"{means['psnr']:.2f}", f"{means['ssim']:.4f}"))
    return rows
