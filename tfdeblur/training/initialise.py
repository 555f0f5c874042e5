"""Start a new run from trained weights: a shipped model, an exported version, or another run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from tfdeblur.export.saved_model import read_weights
from tfdeblur.export.training_files import DISCRIMINATORS, NETWORK, unpack_weights
from tfdeblur.inference.shipped import is_run, resolve_model
from tfdeblur.models.base import RestorationModel
from tfdeblur.stack import keras
from tfdeblur.training.checkpoints import restore_networks
from tfdeblur.training.experiment import CONFIG_FILE, load_config, load_trained

Named = Mapping[str, Mapping[str, np.ndarray]]  # Arrays by network and name.


def initialise(model: RestorationModel, source: str, partly: bool = False) -> None:
    """Load the generator's weights, and all others that `source` has, into `model`.

    Weights left random are logged by name.

    Args:
      model: built; the shapes of its networks must match the weights.
      source: a shipped model's name, a model's or version's folder, or a run's folder.
      partly: whether networks may differ: only weights of the same name and shape are loaded.

    Raises:
      ValueError: the weights do not fit the networks; with `partly`, none fits.
    """
    folder = Path(source)
    run = is_run(folder)
    kind = "best" if any((folder / "checkpoints" / "best").glob("*.index")) else "latest"
    if partly:
        named = _of_run(folder, kind) if run else _of_version(resolve_model(source).path)
        _assign_partly(model, named, source)
    elif run:
        step, _ = restore_networks(folder / "checkpoints", kind, model, missing_ok=True)
        logging.info("Started from %s (%s, step %d).", folder, kind, step)
    else:
        _assign_all(model, resolve_model(source).path)


def _assign_all(model: RestorationModel, version: Path) -> None:
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
        raise ValueError(
            f"{version}: the weights must fit the {name}: {different}. "
            "--config.train.init_partly takes those that fit."
        )
    for variable, array in zip(variables, weights, strict=True):
        variable.assign(array)
    logging.info("%s started from %s.", name, version)


def _of_run(folder: Path, kind: str) -> Named:
    model = load_trained(folder, kind).model
    return {name: _by_name(network) for name, network in model.networks.items()}


def _of_version(version: Path) -> Named:
    """Name the arrays of a version folder as its configuration's model names them."""
    config = version / "training" / CONFIG_FILE
    if not config.is_file():
        raise ValueError(
            f"{version} must hold training/{CONFIG_FILE}, which names the weights, to be taken "
            "partly. Got: none."
        )
    model = load_config(config).model.build()
    _assign_all(model, version)
    return {name: _by_name(network) for name, network in model.networks.items()}


def _by_name(network: keras.Model) -> dict[str, np.ndarray]:
    names = [weight.name for weight in network.weights]
    return dict(zip(names, network.get_weights(), strict=True))


def _assign_partly(model: RestorationModel, named: Named, source: str) -> None:
    """Load weights of the same name and shape; log the others."""
    taken = 0
    for name, network in model.networks.items():
        found = named.get(name, {})
        left = []
        for weight in network.weights:
            array = found.get(weight.name)
            if array is None or array.shape != tuple(weight.shape):
                theirs = "none" if array is None else str(array.shape)
                left.append(f"{weight.name} {tuple(weight.shape)} (there: {theirs})")
            else:
                weight.assign(array)
                taken += 1
        unused = sorted(set(found) - {weight.name for weight in network.weights})
        logging.info(
            "%s: %d of %d weights from %s.",
            name, len(network.weights) - len(left), len(network.weights), source,
        )  # fmt: skip
        _log_list(f"{name}: random, as nothing there fits", left)
        _log_list(f"{name}: not used", unused)
    if not taken:
        raise ValueError(
            f"`train.init_from` {source} must have a weight with the name and shape of one of "
            f"{model.generator.name}'s. Got: none."
        )


def _log_list(title: str, names: Sequence[str]) -> None:
    if names:
        logging.warning("%s (%d): %s.", title, len(names), ", ".join(names))
