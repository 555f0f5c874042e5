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

`kernels` draws blur kernels of a family (text, trajectory, spline, gaussian, anisotropic_gaussian),
keeps them in a bank, a .npz file, and shows them. --add puts measured kernels into it: grey
pictures, .npy files, or folders of them. A bank alone is listed.

  tfdeblur data kernels --family=spline --count=1000 --seed=7 --bank=spline.npz --sheet=spline.png
  tfdeblur data kernels --bank=mine.npz --add=camera.png,lens.npy
  tfdeblur data kernels --bank=mine.npz

`check` finds what is wrong with pairs: a folder with lr/ and hr/ or blurry/ and sharp/, or with
such folders in train/ and test/; or prepared data. It prints every finding and what it examined;
--html writes them with pictures. The exit code is 1 if there is an error, 2 if nothing could be
examined. --split takes some splits only, --scale says what the scale must be (default: that of most
pairs). A folder needs no TensorFlow.

  tfdeblur data check photos --html=report.html
  tfdeblur data check photos --split=train,test --scale=4 --limit=1000
  tfdeblur data check blurred_text/x4 --data_dir=prepared
"""

import functools
import importlib
import sys
from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_string(
        "data_dir", None, "of prepared data (default: that of TFDS)", flag_values=flag_values
    )
    counted = "training pairs (default: the configuration's), or kernels (default: 64)"
    seeded = "of every draw (default: the configuration's, or 0)"
    for name, least, about in (("count", 1, counted), ("seed", 0, seeded)):
        flags.DEFINE_integer(name, None, about, lower_bound=least, flag_values=flag_values)
    flags.DEFINE_boolean(
        "overwrite", False, "build it anew if it is there", flag_values=flag_values
    )
    for name, about in (
        ("family", "kernels: draw them from this one"),
        ("bank", "kernels: the .npz file that holds them"),
        ("sheet", "kernels: the picture to write, of the first 64"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)
    flags.DEFINE_list("add", [], "kernels: files of measured ones", flag_values=flag_values)
    flags.DEFINE_list("split", [], "check: splits (default: all)", flag_values=flag_values)
    for name, default, about in (
        ("scale", None, "check: ratio of target to degraded sides (default: that of most pairs)"),
        ("patch_size", 64, "check: a target that is smaller, in pixels, is reported"),
        ("limit", None, "check: the first so many pairs of each split only"),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=1, flag_values=flag_values)
    flags.DEFINE_string("html", None, "check: the page to write", flag_values=flag_values)


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


def kernels() -> None:
    """Draw, add, list and show kernels as the flags say."""
    from tfdeblur.degradations import kernel_bank

    values = flags.FLAGS
    changes = {name: getattr(values, name) for name in ("family", "count", "seed", "add")}
    found = kernel_bank.collect(**changes, bank=values.bank, overwrite=values.overwrite)
    if values.bank and (values.family or values.add):
        print(f"Written: {values.bank}: {len(found)} kernels")
    else:
        print("\n".join(kernel_bank.table(found)))
    if values.sheet:
        shown = kernel_bank.write_sheet(values.sheet, found)
        print(f"Drawn: {values.sheet}: {shown} of {len(found)} kernels")


def check(arguments: list[str]) -> int:
    """Examine pairs as the flags say and print what was found; return the exit code."""
    from tfdeblur.data.doctor import examine

    values = flags.FLAGS
    try:
        if len(arguments) != 1:
            raise ValueError(f"use `check PATH_OR_NAME`. Got: {' '.join(arguments)!r}.")
        choices = {name: getattr(values, name) for name in ("scale", "patch_size", "limit", "html")}
        report = examine(arguments[0], values.data_dir, values.split, **choices)
    except ValueError as error:
        print(f"tfdeblur data: {error}", file=sys.stderr)
        return 2
    print(report.text())
    return 1 if report.failed else 0


def main(argv: list[str]) -> int:
    """Do what the first argument says; return 1 on an error."""
    try:
        if argv[1:] == ["list"]:
            list_all()
        elif argv[1:2] == ["build"] and len(argv) == 3:
            build(argv[2])
        elif argv[1:] == ["kernels"]:
            kernels()
        elif argv[1:2] == ["check"]:
            return check(argv[2:])
        else:
            usage = "`list`, `build NAME/CONFIG`, `kernels` or `check PATH_OR_NAME`"
            raise ValueError(f"use {usage}. Got: {' '.join(argv[1:])!r}.")
    except (ValueError, OSError) as error:
        print(f"tfdeblur data: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
