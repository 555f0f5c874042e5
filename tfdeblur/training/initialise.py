"""Start a new run from trained weights: a shipped model, an exported version, or another run."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from tfdeblur.export.saved_model import read_weights
from tfdeblur.export.training_files import DISCRIMINATORS, NETWORK, unpack_weights
from tfdeblur.inference.shipped import resolve_model
from tfdeblur.models.base import RestorationModel
from tfdeblur.training.checkpoints import restore_networks


def initialise(model: RestorationModel, source: str) -> None:
    """Load the generator's weights, and all others that `source` has, into `model`.

    What is left at its random start is logged by name.

    Args:
      model: built; its networks must have the shapes of the weights.
      source: a shipped model's name, a model's or version's folder, or a run's folder.

    Raises:
      ValueError: the weights do not fit the networks.
    """
    folder = Path(source)
    if (folder / "checkpoints").is_dir():
        kind = "best" if any((folder / "checkpoints" / "best").glob("*.index")) else "latest"
        step, _ = restore_networks(folder / "checkpoints", kind, model, missing_ok=True)
        logging.info("Started from %s (%s, step %d).", folder, kind, step)
        return
    version = resolve_model(source).path
    _assign("generator", model.generator.weights, read_weights(version), version)
    parts = {name: network.weights for name, network in model.discriminators.items()}
    if beside := model.training_only_weights():
        parts["network"] = beside
    packed = _read(version / "training" / DISCRIMINATORS) | _read(version / "training" / NETWORK)
    for name, variables in parts.items():
        if name in packed:
            _assign(name, variables, packed[name], version)
        else:
            logging.warning("%s starts from random weights: %s has none.", name, version)


def _read(path: Path) -> dict[str, list[np.ndarray]]:
    return unpack_weights(path.read_bytes()) if path.exists() else {}


def _assign(
    name: str, variables: list[tf.Variable], weights: list[np.ndarray], version: Path
) -> None:
    expected = [tuple(variable.shape) for variable in variables]
    received = [array.shape for array in weights]
    if expected != received:
        different = next(
            (
                f"array {index} must be {mine}, is {theirs}"
                for index, (mine, theirs) in enumerate(zip(expected, received, strict=False))
                if mine != theirs
            ),
            f"there must be {len(expected)} arrays, there are {len(received)}",
        )
        raise ValueError(f"{version}: the weights must fit the {name}: {different}.")
    for variable, array in zip(variables, weights, strict=True):
        variable.assign(array)
    logging.info("%s started from %s.", name, version)
