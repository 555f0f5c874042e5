"""Weights in a version folder that a later training run can start from.

The generator's weights are in the SavedModel. These are the rest: those of the discriminators, and
of a trained network that is more than the generator.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DISCRIMINATORS = "discriminator.npz"
NETWORK = "network.npz"


def _halve(weights: np.ndarray) -> np.ndarray:
    """Convert to float16 unless a value exceeds its range."""
    with np.errstate(over="ignore"):
        half = weights.astype(np.float16)
    return half if np.isfinite(half).all() else weights


def pack_weights(weights: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    """Return an .npz file with the weights of every network in float16.

    Arrays are named `<network>/<position, four digits>`.

    Args:
      weights: network -> arrays as from `get_weights()`.
    """
    arrays: dict[str, Any] = {
        f"{name}/{index:04d}": _halve(array)
        for name, network in weights.items()
        for index, array in enumerate(network)
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpack_weights(content: bytes) -> dict[str, list[np.ndarray]]:
    """Return, by network, float32 arrays as for `set_weights`. See `pack_weights`."""
    unpacked: dict[str, list[np.ndarray]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for key in sorted(arrays.files):
            name = key.rsplit("/", 1)[0]
            unpacked.setdefault(name, []).append(arrays[key].astype(np.float32))
    return unpacked
