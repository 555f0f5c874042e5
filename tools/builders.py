"""Find the data set builders by their path in datasets/."""

import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


def find_builders() -> dict[str, tuple[ModuleType, str]]:
    """Return (builder module, configuration name) for each NAME/CONFIG that can be built."""
    import tfdeblur_datasets

    folders = [Path(folder) for folder in tfdeblur_datasets.__path__]
    found = {}
    for file in sorted(f for folder in folders for f in folder.glob("*/*_dataset_builder.py")):
        module = importlib.import_module(f"tfdeblur_datasets.{file.parent.name}.{file.stem}")
        for config in module.Builder.BUILDER_CONFIGS:
            found[f"{module.Builder.name}/{config.name}"] = (module, config.name)
    return found


def find_builder(name: str, data_dir: str | None, **changes: Any) -> Callable[[], Any]:
    """Return what makes the builder of NAME/CONFIG, with changed fields of its configuration.

    Raises:
      ValueError: there is no such NAME/CONFIG, or a field is out of its range.
    """
    builders = find_builders()
    if name not in builders:
        raise ValueError(f"NAME/CONFIG must be one of {', '.join(builders)}. Got: {name!r}.")
    module, config_name = builders[name]
    config = module.Builder.builder_configs[config_name].variant(**changes)
    return functools.partial(module.Builder, config=config, data_dir=data_dir)
