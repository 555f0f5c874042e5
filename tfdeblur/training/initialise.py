"""Start a new run from trained weights: a shipped model, an exported version, or another run."""

from pathlib import Path

from absl import logging

from tfdeblur.export.saved_model import read_weights
from tfdeblur.export.training_files import DISCRIMINATORS, unpack_discriminators
from tfdeblur.inference.shipped import resolve_model
from tfdeblur.models.base import RestorationModel
from tfdeblur.training.checkpoints import restore_networks


def initialise(model: RestorationModel, source: str) -> None:
    """Load the generator's weights, and the discriminators' where `source` has them, into `model`.

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
    _set_weights(model.generator, read_weights(version), f"{version}, generator")
    logging.info("Generator started from %s.", version)
    packed = version / "training" / DISCRIMINATORS
    weights = unpack_discriminators(packed.read_bytes()) if packed.exists() else {}
    for name, discriminator in model.discriminators.items():
        if name in weights:
            _set_weights(discriminator, weights[name], f"{packed}, {name}")
            logging.info("%s started from %s.", name, packed)
        else:
            logging.warning("%s starts from random weights: %s has none.", name, version)


def _set_weights(network, weights: list, source: str) -> None:
    expected = [tuple(variable.shape) for variable in network.weights]
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
        raise ValueError(f"{source}: the weights must fit {network.name}: {different}.")
    network.set_weights(weights)
