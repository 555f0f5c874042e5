"""Fonts and texts of the rendered pages: listed, licensed, hashed and permanently split."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
SPLITS = ("train", "validation", "test")
# Greek letters and operators come from one family per split, as many families lack some.
SYMBOL_FAMILIES = {
    "train": "TeX Gyre Termes",
    "validation": "GFS Didot",
    "test": "Liberation Serif",
}


@dataclass(frozen=True)
class Family:
    """One font family and its verified files by style: `regular`, perhaps `bold`, `italic`."""

    name: str
    files: dict[str, Path]

    def file(self, style: str) -> Path:
        """Return the file of `style`, or of the regular style if the family lacks it."""
        return self.files.get(style, self.files["regular"])


def source_hashes() -> dict[str, str]:
    """Return the recorded SHA-256 of every font and text, by file name within this package."""
    return {entry["file"]: entry["sha256"] for kind in _sources().values() for entry in kind}


@lru_cache
def families(split: str) -> tuple[Family, ...]:
    """Return the font families of one split; no family is in two splits.

    Raises:
      ValueError: `split` is unknown, or a file differs from its recorded hash.
    """
    files: dict[str, dict[str, Path]] = {}
    for entry in _entries("fonts", split):
        files.setdefault(entry["family"], {})[entry["style"]] = _verified(entry)
    return tuple(Family(name, styles) for name, styles in files.items())


def symbol_family(split: str) -> Family:
    """Return the family for Greek letters and operators in formulas."""
    return next(each for each in families(split) if each.name == SYMBOL_FAMILIES[split])


@lru_cache
def texts(split: str) -> tuple[tuple[str, ...], ...]:
    """Return the texts of one split, each as its paragraphs; no text is in two splits."""
    files = [_verified(entry) for entry in _entries("texts", split)]
    return tuple(tuple(file.read_text("ascii").splitlines()) for file in files)


@lru_cache
def _sources() -> dict[str, list[dict[str, str]]]:
    return json.loads((FOLDER / "sources.json").read_text("utf-8"))


def _entries(kind: str, split: str) -> list[dict[str, str]]:
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Got: {split!r}.")
    return [entry for entry in _sources()[kind] if entry["split"] == split]


def _verified(entry: dict[str, str]) -> Path:
    path = FOLDER / entry["file"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise ValueError(f"{path} must have the SHA-256 {entry['sha256']}. Got: {digest}.")
    return path
