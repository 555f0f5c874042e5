"""One hash over everything that training changes, to compare runs."""

import hashlib

import numpy as np

from tfdeblur.models.base import RestorationModel
from tfdeblur.training.averaging import AveragedWeights


def weights_sha256(model: RestorationModel, average: AveragedWeights | None = None) -> str:
    """Hash a compiled model: networks, optimizer slots and counters, loss scales, moving average.

    The digest covers the name, dtype, shape and bytes of each variable, sorted by name. A name
    joins the owner's name, the variable's number there and its own name, so it is the same in every
    process.

    Returns:
      64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    values = _values(model)
    for number, weight in enumerate(average.averages if average else []):
        values[f"average/{number:05d}/{weight.name}"] = weight.numpy()
    for name, value in sorted(values.items()):
        for part in (name, str(value.dtype), str(value.shape)):
            digest.update(part.encode() + b"\0")
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def _values(model: RestorationModel) -> dict[str, np.ndarray]:
    values = {
        f"{owner}/{number:05d}/{weight.name}": weight.numpy()
        for owner, network in model.networks.items()
        for number, weight in enumerate(network.weights)
    }
    for owner, optimizer in model.optimizers.items():
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        for number, variable in enumerate(inner.variables):
            values[f"optimizer of {owner}/{number:05d}/{variable.name}"] = variable.numpy()
        if inner is not optimizer:
            values[f"optimizer of {owner}/loss_scale"] = np.asarray(optimizer.loss_scale)
            values[f"optimizer of {owner}/good_steps"] = np.asarray(optimizer.dynamic_counter)
    return values
