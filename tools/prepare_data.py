"""Prepare data for training and evaluation: tfdeblur data build NAME/CONFIG --data_dir=DIR

  tfdeblur data list
  tfdeblur data build blurred_text/x4 --data_dir=prepared
  tfdeblur data build blurred_text/x4 --data_dir=prepared --count=200000 --seed=7
  tfdeblur data build blurred_text/pages --data_dir=prepared --overwrite

`list` names what can be built, with its pairs in train, validation and test. `build` writes
TFRecords to --data_dir (default: that of TFDS, ~/tensorflow_datasets). Nothing is downloaded. Data
that is there already stays as it is unless --overwrite is given. An interrupted build leaves no
data set behind; start it again.

--count sets the training pairs; validation and test get as many, but not more than by default. With
another count or seed than the default's the configuration gets another name, which is printed, such
as blurred_text/x4_count200000_seed7. Use what you built by that name:

  tfdeblur train --config=scgan_text --workdir=run --config.data.source=prepared \\
    --config.data.name=blurred_text/x4 --config.data.data_dir=prepared
  tfdeblur evaluate --model=scgan_text --data=blurred_text/pages --data_dir=prepared
"""

import functools
import importlib
import sys
from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_string(
        "data_dir", None, "where to write (default: that of TFDS)", flag_values=flag_values
    )
    for name, least, about in (("count", 1, "training pairs"), ("seed", 0, "of every draw")):
        about += " (default: the configuration's)"
        flags.DEFINE_integer(name, None, about, lower_bound=least, flag_values=flag_values)
    flags.DEFINE_boolean(
        "overwrite", False, "build it anew if it is there", flag_values=flag_values
    )


def find_builders() -> dict[str, tuple]:
    """Return (builder's module, configuration) of each NAME/CONFIG that can be built."""
    import tfdeblur_datasets

    folders = [Path(folder) for folder in tfdeblur_datasets.__path__]
    found = {}
    for file in sorted(f for folder in folders for f in folder.glob("*/*_dataset_builder.py")):
        module = importlib.import_module(f"tfdeblur_datasets.{file.parent.name}.{file.stem}")
        for config in module.Builder.BUILDER_CONFIGS:
            found[f"{module.Builder.name}/{config.name}"] = (module, config)
    return found


def list_all() -> None:
    """Print a line for each NAME/CONFIG."""
    for name, (module, config) in find_builders().items():
        pairs = " + ".join(str(count) for count in config.counts)
        print(f"{name:24} {module.Builder.VERSION!s:8} {pairs:18} {config.description}")


def build(full_name: str) -> None:
    """Prepare one NAME/CONFIG as the flags say, and print what is there then."""
    from tfdeblur.data.prepare import prepare

    values = flags.FLAGS
    builders = find_builders()
    if full_name not in builders:
        raise ValueError(f"NAME/CONFIG must be one of {', '.join(builders)}. Got: {full_name!r}.")
    module, config = builders[full_name]
    config = module.variant(config, values.count, values.seed)
    make_builder = functools.partial(module.Builder, config=config, data_dir=values.data_dir)
    builder, written = prepare(make_builder, values.overwrite)
    done = "Prepared" if written else "Already prepared (--overwrite builds it anew)"
    splits = builder.info.splits
    counts = ", ".join(f"{splits[name].num_examples} {name}" for name in splits)
    print(f"{done}: {builder.name}/{config.name} {builder.version}: {counts}")
    print(f"in {builder.data_dir}")


def main(argv: list[str]) -> int:
    """List or build; return 1 on an error."""
    try:
        if argv[1:] == ["list"]:
            list_all()
        elif argv[1:2] == ["build"] and len(argv) == 3:
            build(argv[2])
        else:
            raise ValueError(f"use `list` or `build NAME/CONFIG`. Got: {' '.join(argv[1:])!r}.")
    except (ValueError, OSError) as error:
        print(f"tfdeblur data: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
