"""Find the data set builders by their path in datasets/."""

import importlib
from pathlib import Path
from types import ModuleType


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
