"""Measure how well a machine reads restored pages: the character error rate of an OCR program.

The reference is what it reads on the sharp page, so its own mistakes do not count.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from tqdm import tqdm

from tfdeblur.data.pairs import ImagePair
from tfdeblur.evaluation.evaluate import Restore
from tfdeblur.extras import install_command
from tfdeblur.images.files import write_image

Read = Callable[[np.ndarray], str]

TESSERACT = ("-", "--psm", "6")  # To standard output; one block of text.
LEAST_CHARACTERS = 40  # Sharp pages with less text read are not used.
ENLARGEMENT = 2  # Readers expect 300 dpi scans; the pages are drawn at half of that.
MARGIN = 40  # Pixels.


def make_reader(name: str) -> Read:
    """Return the function that reads `[H, W, 3] uint8`: words with one space between them.

    Args:
      name: "tesseract", the program of that name, or "rapidocr", from the extra `ocr`.

    Raises:
      ModuleNotFoundError: the extra is missing.
      ValueError: there is no such reader.
    """
    if name == "tesseract":
        return lambda image: _words(_tesseract(_framed(image)))
    if name != "rapidocr":
        raise ValueError(f"`reader` must be tesseract or rapidocr. Got: {name!r}.")
    _from_extra("onnxruntime")  # RapidOCR runs without it until it loads a model.
    engine = _from_extra("rapidocr").RapidOCR(params={"Global.log_level": "error"})
    return lambda image: _words(" ".join(engine(_framed(image)[..., ::-1]).txts or ()))  # BGR.


def _from_extra(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"Reading pages needs the extra `ocr` ({error.name} is missing): "
            f"{install_command('ocr')}",
            name=error.name,
        ) from error


def _framed(image: np.ndarray) -> np.ndarray:
    large = cv2.resize(image, None, fx=ENLARGEMENT, fy=ENLARGEMENT, interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(large, *(MARGIN,) * 4, cv2.BORDER_REPLICATE)


def _words(text: str) -> str:
    return " ".join(text.split())


def _tesseract(image: np.ndarray) -> str:
    """Read with Tesseract.

    Raises:
      FileNotFoundError: Tesseract is not installed.
      RuntimeError: Tesseract failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.png")
        write_image(path, image)
        command = ["tesseract", str(path), *TESSERACT]
        try:
            answer = subprocess.run(command, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise FileNotFoundError("Tesseract must be installed: no `tesseract`.") from error
    if answer.returncode:
        raise RuntimeError(f"Tesseract failed: {answer.stderr.decode(errors='replace').strip()}")
    return answer.stdout.decode("utf-8", errors="replace")


def character_error_rates(
    pairs: Iterable[ImagePair], systems: Mapping[str, Restore], read: Read
) -> tuple[dict[str, float], int]:
    """Compare the text read on each system's restorations with the text read on the truth.

    Args:
      pairs: degraded and sharp pages.
      systems: name -> function `[H, W, 3] uint8` -> `[sH, sW, 3] uint8`.
      read: from `make_reader`.

    Returns:
      Name -> summed Levenshtein distances / summed characters of the truth (may exceed 1), and the
      number of pages used: those with at least `LEAST_CHARACTERS` on the truth.

    Raises:
      ModuleNotFoundError: the extra `ocr` is missing.
      ValueError: no page has enough characters.
    """
    edit_distance = _from_extra("rapidfuzz.distance").Levenshtein.distance
    errors = dict.fromkeys(systems, 0)
    characters = pages = 0
    for pair in tqdm(pairs, desc="read", unit="page", disable=None):
        truth = read(pair.target)
        if len(truth) < LEAST_CHARACTERS:
            continue
        pages += 1
        characters += len(truth)
        for name, restore in systems.items():
            errors[name] += edit_distance(truth, read(restore(pair.degraded)))
    if not pages:
        raise ValueError(
            f"A sharp page must hold {LEAST_CHARACTERS} readable characters. None did."
        )
    return {name: error / characters for name, error in errors.items()}, pages
