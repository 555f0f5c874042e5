"""Measure how well a machine reads restored pages: Tesseract's character error rate.

The reference is what Tesseract reads on the sharp page, so its own mistakes do not count.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from tfdeblur.data.pairs import ImagePair
from tfdeblur.evaluation.evaluate import Restore
from tfdeblur.images.files import write_image

ARGUMENTS = ("-", "--psm", "6")  # To standard output; one block of text.
LEAST_CHARACTERS = 40  # Sharp pages with less text read are not used.
ENLARGEMENT = 2  # Tesseract expects 300 dpi scans; the pages are drawn at half of that.
MARGIN = 40  # Pixels.


def edit_distance(first: str, second: str) -> int:
    """Return the Levenshtein distance: the fewest insertions, deletions and substitutions.

    By hand: "kitten" -> "sitting" takes 3.
    """
    previous = list(range(len(second) + 1))
    for row, mine in enumerate(first, 1):
        current = [row]
        for column, theirs in enumerate(second, 1):
            substituted = previous[column - 1] + (mine != theirs)
            current.append(min(previous[column] + 1, current[-1] + 1, substituted))
        previous = current
    return previous[-1]


def read_text(image: np.ndarray) -> str:
    """Read `[H, W, 3] uint8` with Tesseract; collapse runs of white space into one space.

    Raises:
      FileNotFoundError: Tesseract is not installed.
      RuntimeError: Tesseract failed.
    """
    large = cv2.resize(image, None, fx=ENLARGEMENT, fy=ENLARGEMENT, interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, *(MARGIN,) * 4, cv2.BORDER_REPLICATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.png")
        write_image(path, framed)
        command = ["tesseract", str(path), *ARGUMENTS]
        try:
            answer = subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise FileNotFoundError("Tesseract must be installed: no `tesseract`.") from error
    if answer.returncode:
        raise RuntimeError(f"Tesseract failed: {answer.stderr.decode(errors='replace').strip()}")
    return " ".join(answer.stdout.decode("utf-8", errors="replace").split())


def character_error_rates(
    pairs: Iterable[ImagePair], systems: Mapping[str, Restore]
) -> tuple[dict[str, float], int]:
    """Compare the text read on each system's restorations with the text read on the truth.

    Args:
      pairs: degraded and sharp pages.
      systems: name -> function `[H, W, 3] uint8` -> `[sH, sW, 3] uint8`.

    Returns:
      Name -> summed edit distances / summed characters of the truth (may exceed 1), and the number
      of pages used: those with at least `LEAST_CHARACTERS` on the truth.

    Raises:
      ValueError: no page has enough characters.
    """
    errors = dict.fromkeys(systems, 0)
    characters = pages = 0
    for pair in tqdm(pairs, desc="read", unit="page", disable=None):
        truth = read_text(pair.target)
        if len(truth) < LEAST_CHARACTERS:
            continue
        pages += 1
        characters += len(truth)
        for name, restore in systems.items():
            errors[name] += edit_distance(truth, read_text(restore(pair.degraded)))
    if not pages:
        raise ValueError(
            f"A sharp page must hold {LEAST_CHARACTERS} readable characters. None did."
        )
    return {name: error / characters for name, error in errors.items()}, pages
