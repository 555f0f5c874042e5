"""Find exported models by name or path, and verify that their files are unchanged since export.

A model's folder holds version folders (1, 2, …), as TensorFlow Serving expects; each has a
metadata.json that says how to call the model and lists each file's SHA-256.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

FORMAT_VERSION = 1
METADATA = "metadata.json"
SHIPPED = "tfdeblur_models"


class ModelError(ValueError):
    """A model cannot be found or used; the message names it and the rule."""


@dataclass(frozen=True)
class ModelFolder:
    """A verified model on disk.

    Attributes:
      path: a version's folder, or a .tflite file.
      metadata: content of metadata.json; empty for a standalone .tflite file.
    """

    path: Path
    metadata: dict[str, Any]

    @property
    def tflite(self) -> Path | None:
        """The TFLite file, if any."""
        if self.path.suffix == ".tflite":
            return self.path
        return next(iter(sorted(self.path.glob("*.tflite"))), None)

    @property
    def saved_model(self) -> Path | None:
        """The folder of the SavedModel, if any."""
        return self.path if (self.path / "saved_model.pb").is_file() else None

    @property
    def card(self) -> str:
        """The model card as markdown; empty if there is none."""
        card = self.path / "model_card.md"
        return card.read_text(encoding="utf-8") if card.is_file() else ""

    @property
    def entry(self) -> str:
        """Its entry in a list of models: facts, and the first paragraph of its card."""
        data = self.metadata
        size = f"{self.tflite.stat().st_size / 1e6:.1f} MB" if self.tflite else "SavedModel only"
        scale = "same size" if data["scale"] == 1 else f"x{data['scale']}"
        facts = f"{data['name']}  version {data['version']}, {data['task']}, {scale}, {size}"
        paragraphs = [part.strip() for part in self.card.split("\n\n")]
        summary = next((part for part in paragraphs if part and not part.startswith("#")), "")
        return "\n    ".join([facts, *summary.splitlines()])


def shipped_models() -> list[ModelFolder]:
    """Return the highest version of each model installed with tfdeblur, by name.

    Raises:
      ModelError: one of them is damaged.
    """
    return [_read_base(folder) for folder in _shipped_folders().values()]


def resolve_model(name_or_path: str | Path) -> ModelFolder:
    """Find a model and verify its files.

    Args:
      name_or_path: a shipped model's name (highest version) or NAME/VERSION; else the path of a
        model's folder (highest version), a version's folder, or a .tflite file. A name takes
        precedence over a path; write ./NAME for a path.

    Raises:
      ModelError: the name is unknown, the path is not an exported model, or a file is missing or
        altered.
    """
    text = str(name_or_path)
    name, _, version = text.partition("/")
    shipped = _shipped_folders()
    if name in shipped and (not version or (shipped[name] / version).is_dir()):
        return _read_version(shipped[name] / version) if version else _read_base(shipped[name])
    path = Path(text)
    if path.is_file() and path.suffix == ".tflite":
        return _read_tflite(path)
    if path.is_dir():
        return _read_version(path) if (path / METADATA).is_file() else _read_base(path)
    raise ModelError(
        f"`{text}` must be a shipped model ({', '.join(shipped) or 'none is installed'}), the "
        "folder of an exported model, or a .tflite file. There is no such name, folder or file."
    )


def _versions(folder: Path) -> dict[int, Path]:
    return {
        int(entry.name): entry
        for entry in folder.iterdir()
        if entry.name.isdecimal() and (entry / METADATA).is_file()
    }


def _shipped_folders() -> dict[str, Path]:
    """Map the name of each installed model to its folder."""
    root = Path(str(resources.files(SHIPPED)))
    return {
        entry.name: entry for entry in sorted(root.iterdir()) if entry.is_dir() and _versions(entry)
    }


def _read_base(folder: Path) -> ModelFolder:
    versions = _versions(folder)
    if not versions:
        hint = " It is a training run: export it first." if _is_run(folder) else ""
        raise ModelError(
            f"{folder}: must hold {METADATA}, or version folders (1, 2, …) that do.{hint}"
        )
    return _read_version(versions[max(versions)])


def _is_run(folder: Path) -> bool:
    return (folder / "config.json").is_file() and (folder / "checkpoints").is_dir()


def _read_version(folder: Path) -> ModelFolder:
    metadata = read_metadata(folder / METADATA)
    for name, digest in metadata["files"].items():
        _check_digest(folder, name, digest)
    return ModelFolder(folder, metadata)


def _read_tflite(path: Path) -> ModelFolder:
    """Read a TFLite file, with the metadata beside it if that lists the file."""
    beside = path.parent / METADATA
    if not beside.is_file():
        return ModelFolder(path, {})
    metadata = read_metadata(beside)
    if path.name not in metadata["files"]:
        return ModelFolder(path, {})
    _check_digest(path.parent, path.name, metadata["files"][path.name])
    return ModelFolder(path, metadata)


def _check_digest(folder: Path, name: str, digest: str) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ModelError(f"{folder / METADATA}: `files` must lie in its folder. Got: {name!r}.")
    path = folder / relative
    if not path.is_file():
        raise ModelError(f"{path}: is listed in {METADATA} and is missing.")
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != digest:
        raise ModelError(
            f"{path}: its SHA-256 must be {digest}, as {METADATA} says. Got: {got}. "
            "The file was altered or damaged."
        )


def _is_count(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_RULES: dict[str, tuple[str, Callable[[Any], Any]]] = {  # field: (rule, test)
    "name": ("text", lambda value: isinstance(value, str) and value),
    "version": ("a positive integer", _is_count),
    "task": ("text", lambda value: isinstance(value, str) and value),
    "scale": ("a positive integer", _is_count),
    "channels": ("3", lambda value: value == 3),
    "value_range": ("[0, 255]", lambda value: value == [0, 255]),
    "dtype": ('"uint8"', lambda value: value == "uint8"),
    "halo": (
        "an integer of at least 0, or null where the whole picture matters",
        lambda value: value is None or _is_count(value, 0),
    ),
    "size_multiple": ("a positive integer", _is_count),
    "minimum_size": ("a positive integer", _is_count),
    "fixed_input_size": (
        "a positive integer, or null or absent where any size will do",
        lambda value: value is None or _is_count(value),
    ),
    "files": (
        "an object of file names and SHA-256 digests",
        lambda value: (
            isinstance(value, dict)
            and value
            and all(isinstance(digest, str) for digest in value.values())
        ),
    ),
}


def read_metadata(path: Path) -> dict[str, Any]:
    """Read metadata.json and check its fields, not the files it lists.

    Raises:
      ModelError: it is not a JSON object, has another format version, or a field breaks its rule.
    """
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: must be a JSON file: {error}") from error
    if not isinstance(metadata, dict):
        raise ModelError(f"{path}: must hold a JSON object. Got: {type(metadata).__name__}.")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{path}: `format_version` must be {FORMAT_VERSION}. "
            f"Got: {metadata.get('format_version')!r}; another release of tfdeblur wrote it."
        )
    for field, (rule, holds) in _RULES.items():
        if not holds(metadata.get(field)):
            raise ModelError(f"{path}: `{field}` must be {rule}. Got: {metadata.get(field)!r}.")
    return metadata
