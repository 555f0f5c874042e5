"""Draw, store and show blur kernels: tfdeblur data kernels --family=FAMILY --sheet=PICTURE

  tfdeblur data kernels --family=spline --count=1000 --seed=7 --bank=spline.npz --sheet=spline.png
  tfdeblur data kernels --bank=mine.npz --add=camera.png,lens.npy
  tfdeblur data kernels --bank=mine.npz

Families: text, trajectory, spline, gaussian, anisotropic_gaussian. --bank stores the kernels in a
.npz file. --add puts measured kernels into it: grey pictures, .npy files, or folders of them.
--bank alone lists the bank.
"""

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    for name, about in (
        ("family", "family of the kernels to draw"),
        ("bank", ".npz file of kernels"),
        ("sheet", "picture to write: the first 64 kernels"),
    ):
        flags.DEFINE_string(name, None, about, flag_values=flag_values)
    flags.DEFINE_list(
        "add", [], "files of measured kernels to add to the bank", flag_values=flag_values
    )
    flags.DEFINE_integer(
        "count", None, "number of kernels to draw (default: 64)", flag_values=flag_values
    )
    flags.DEFINE_integer("seed", None, "seed of every draw (default: 0)", flag_values=flag_values)
    flags.DEFINE_boolean("overwrite", False, "replace an existing bank", flag_values=flag_values)


def main(argv: list[str]) -> int:
    """Draw, add, list and show kernels, as set by the flags."""
    from tfdeblur.degradations import kernel_bank

    values = flags.FLAGS
    if argv[1:]:
        raise ValueError(f"`data kernels` takes flags only. Got: {' '.join(argv[1:])!r}.")
    changes = {name: getattr(values, name) for name in ("family", "count", "seed", "add")}
    found = kernel_bank.collect(**changes, bank=values.bank, overwrite=values.overwrite)
    if values.bank and (values.family or values.add):
        print(f"Written: {values.bank}: {len(found)} kernels")
    else:
        print("\n".join(kernel_bank.table(found)))
    if values.sheet:
        shown = kernel_bank.write_sheet(values.sheet, found)
        print(f"Drawn: {values.sheet}: {shown} of {len(found)} kernels")
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
