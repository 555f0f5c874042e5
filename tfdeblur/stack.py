"""The TensorFlow and Keras that this Python runs; `keras` here is Keras 2 on both stacks.

| Python | TensorFlow | `keras` | instance norm |
|---|---|---|---|
| 3.10, 3.11 | 2.15 | Keras 2.15 | TensorFlow Addons |
| 3.12, 3.13 | 2.21 | tf-keras 2.21 | our own |

TensorFlow 2.16 and later bring Keras 3; tf-keras continues Keras 2 beside it. No other file imports
Keras, checks versions, or sets the environment variable that makes `tf.keras` Keras 2.

Importing this module loads neither TensorFlow nor Keras: the first use of `keras` does.
"""

import os
import sys
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

HAS_ADDONS = sys.version_info < (3, 12)  # The first stack. setup.py has the same condition.
_LEGACY_KERAS = "TF_USE_LEGACY_KERAS"

# TensorFlow reads the variable on import, and every file of ours runs this one first. Without
# tf-keras, as in the light install, `tf.keras` stays unchanged.
if not HAS_ADDONS and find_spec("tf_keras"):
    os.environ.setdefault(_LEGACY_KERAS, "1")


def __getattr__(name: str) -> Any:
    if name != "keras":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = module = _load_keras()
    return module


def _load_keras() -> Any:
    """Import Keras 2.

    Raises:
      ImportError: TensorFlow and Keras do not belong to this Python's stack.
    """
    import tensorflow as tf

    if HAS_ADDONS:
        import keras

        check_versions(tf.__version__, "2.15", "keras", keras.__version__)
        return keras
    import tf_keras

    check_versions(tf.__version__, "2.21", "tf-keras", tf_keras.__version__)
    if tf.keras.Model is not tf_keras.Model:
        warnings.warn(
            "`tf.keras` is Keras 3 in this process, and its layers cannot be mixed with tfdeblur's "
            f"(Keras 2): import tfdeblur before TensorFlow, or set {_LEGACY_KERAS}=1.",
            stacklevel=3,
        )
    return tf_keras


def check_versions(tensorflow: str, wanted: str, keras_package: str, keras_version: str) -> None:
    """Check that TensorFlow and Keras belong to the same stack.

    Args:
      tensorflow: TensorFlow's version.
      wanted: the release that both must have, such as "2.15".
      keras_package: the name that pip installs Keras under.
      keras_version: Keras's version.

    Raises:
      ImportError: one of them has another release.
    """
    if not all(version.startswith(f"{wanted}.") for version in (tensorflow, keras_version)):
        python = ".".join(map(str, sys.version_info[:2]))
        raise ImportError(
            f"TensorFlow and {keras_package} must both be {wanted} on Python {python}. "
            f"Got: TensorFlow {tensorflow}, {keras_package} {keras_version}."
        )
