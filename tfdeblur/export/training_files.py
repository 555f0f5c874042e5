"""The discriminators' weights in a version folder, from which a later training run can start."""

import io
from collections.abc import Mapping

import keras
import numpy as np

DISCRIMINATORS = "discriminator.npz"


def _halve(weights: np.ndarray) -> np.ndarray:
    """Convert to float16, unless a value is beyond its range."""
    with np.errstate(over="ignore"):
        half = weights.astype(np.float16)
    return half if np.isfinite(half).all() else weights


def pack_discriminators(discriminators: Mapping[str, keras.Model]) -> bytes:
    """Return an .npz file with every weight of every discriminator in float16.

    Arrays are named `<discriminator>/<position in get_weights(), four digits>`.
    """
    arrays = {
        f"{name}/{index:04d}": _halve(weights)
        for name, discriminator in discriminators.items()
        for index, weights in enumerate(discriminator.get_weights())
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpack_discriminators(content: bytes) -> dict[str, list[np.ndarray]]:
    """Return, by discriminator, float32 weights for `set_weights`. See `pack_discriminators`."""
    unpacked: dict[str, list[np.ndarray]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for key in sorted(arrays.files):
            name = key.rsplit("/", 1)[0]
            unpacked.setdefault(name, []).append(arrays[key].astype(np.float32))
    return unpacked
