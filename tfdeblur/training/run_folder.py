"""A run's folder: it belongs to one experiment in one precision, and all workers share it."""

import json
from pathlib import Path
from typing import Any

from tfdeblur.images import files
from tfdeblur.training.batch_stream import REDRAWN_FILE
from tfdeblur.training.experiment import (
    CONFIG_FILE,
    ExperimentConfig,
    check_format,
    fields_of,
    is_saved,
    load_config,
    save_config,
)
from tfdeblur.training.runtime import PRECISIONS
from tfdeblur.training.workers import Workers

ENVIRONMENT_FILE = "environment.json"


def claim(
    folder: Path, config: ExperimentConfig, environment: dict[str, Any], workers: Workers
) -> None:
    """Claim a folder for an experiment, or resume in it: on all workers or on none.

    The chief writes or checks config.json; a start that ended before its first step does not count
    as a run and is replaced. Each worker writes environment.json.

    Args:
      folder: the run's, or the worker's own if it is not the chief. Created if missing.
      config: the experiment.
      environment: see `runtime.configure`; its `precision` must match the run's and all workers'.
      workers: every one of them must call this.

    Raises:
      ValueError: the folder holds another run, or another worker refuses the run.
      OSError: the folder cannot be written to.
    """
    precision = environment["precision"]
    workers.check_equal(
        "precision",
        PRECISIONS.index(precision),
        "`runtime.precision` must name one",
        show=PRECISIONS.__getitem__,
    )
    refused: Exception | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if workers.is_chief:
            _take(folder, config, precision)
        files.write_json(folder / ENVIRONMENT_FILE, environment)
    except OSError as error:
        refused = OSError(
            f"`workdir` {folder} must be a folder that can be written to. Got: {error}."
        )
    except ValueError as error:
        refused = error
    if workers.any(refused is not None):  # Fail together, or the others would block.
        raise refused or ValueError("Another worker has refused the run, and says why.")


def _take(folder: Path, config: ExperimentConfig, precision: str) -> None:
    """Save the configuration, or check it against the existing run's."""
    path, latest = folder / CONFIG_FILE, folder / "checkpoints" / "latest"
    begun = [file for file in latest.glob("*.index") if file.name != "step-0.index"]
    if path.exists() and begun:
        check_format(path)
        saved = load_config(path)
        differing = _differing_fields(fields_of(saved), fields_of(config))
        if config.optimizer.schedule != "cosine":
            differing.pop("train.steps", None)
        if differing:
            listed = "; ".join(f"{k}: {a!r} there, {b!r} now" for k, (a, b) in differing.items())
            raise ValueError(
                f"`workdir` {folder} holds another run, and in one only `train.steps` may change, "
                f"without a cosine schedule. Got: {listed}."
            )
        environment = folder / ENVIRONMENT_FILE
        known = json.loads(environment.read_text("utf-8")) if environment.exists() else {}
        if known.get("precision", precision) != precision:
            raise ValueError(
                f"`runtime.precision` must stay that of the run in {folder}, "
                f"{known['precision']}. Got: {precision} (asked for: {config.runtime.precision})."
            )
    elif not begun:
        for file in latest.glob("step-0.*"):
            file.unlink()
        if path.exists() and not is_saved(config, path):
            (folder / REDRAWN_FILE).unlink(missing_ok=True)  # From another experiment.
    save_config(config, path)


def _differing_fields(first: dict, second: dict, prefix: str = "") -> dict[str, tuple]:
    differing: dict[str, tuple] = {}
    for key in sorted(first.keys() | second.keys()):
        mine, theirs = first.get(key), second.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            differing |= _differing_fields(mine, theirs, f"{prefix}{key}.")
        elif mine != theirs:
            differing[f"{prefix}{key}"] = (mine, theirs)
    return differing
