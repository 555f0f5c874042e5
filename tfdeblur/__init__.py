"""Joint super-resolution and deblurring of photographed text and faces.

`__all__` lists the public names; everything else may change with any release. A public name that
is to go raises a DeprecationWarning for one minor version first.

Importing this package loads no other; each name loads what it needs when it is first used.
`Restorer` and `restore` run without TensorFlow; the models' configs, training, evaluation and
export need the extra: ``pip install 'tfdeblur[train]'``.
"""

from importlib import import_module
from typing import Any

from tfdeblur import stack as stack  # Before anything imports TensorFlow; see there.
from tfdeblur.extras import install_command

__version__ = "0.1.0"

_MODULES = {
    "Restorer": "tfdeblur.inference.restorer",
    "restore": "tfdeblur.inference.restorer",
    "EnhanceUnetConfig": "tfdeblur.models.enhance_unet",
    "GFNConfig": "tfdeblur.models.gfn",
    "SCGANConfig": "tfdeblur.models.scgan",
    "TwoBranchConfig": "tfdeblur.models.two_branch",
    "WRFNConfig": "tfdeblur.models.wrfn",
}
__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        if not name.endswith("Config"):
            raise
        raise ModuleNotFoundError(
            f"`tfdeblur.{name}` needs the extra `train` ({error.name} is missing): "
            + install_command("train"),
            name=error.name,
        ) from error
    globals()[name] = value = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
