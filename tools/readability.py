"""Compare how well a machine reads pages restored by several models.

  python -m tfdeblur_tools.readability --model=scgan_text --data=pairs/
  python -m tfdeblur_tools.readability --model=runs/pixel,runs/full --data=blurred_text/pages
  python -m tfdeblur_tools.readability --reader=rapidocr --data=pairs/

Prints the character error rate of the bicubic baseline and of each model (a name, an exported
model or a run's folder) against the text read from the sharp pages. Needs the extra `ocr`; reads
with the program `tesseract`, which must be installed, or with RapidOCR, which the extra holds.
"""

from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_list(
        "model", ["scgan_text"], "models and runs to compare", flag_values=flag_values
    )
    readers = ["tesseract", "rapidocr"]
    flags.DEFINE_enum("reader", readers[0], readers, "program that reads", flag_values=flag_values)
    flags.DEFINE_string("data", None, "pairs, as in `tfdeblur evaluate`", flag_values=flag_values)
    flags.DEFINE_string("data_dir", None, "folder of prepared data", flag_values=flag_values)
    flags.DEFINE_string("split", "test", "split of prepared data", flag_values=flag_values)
    flags.DEFINE_enum(
        "checkpoint", "best", ["best", "latest"], "weights of a run", flag_values=flag_values
    )
    flags.DEFINE_integer(
        "limit", None, "read only the first so many pairs", flag_values=flag_values
    )
    flags.mark_flag_as_required("data", flag_values=flag_values)


def main(argv: list[str]) -> None:
    """Measure and print."""
    del argv
    from tfdeblur.data.pairs import PairFile, open_pairs
    from tfdeblur.evaluation.evaluate import make_baseline
    from tfdeblur.inference.restorer import Restorer
    from tfdeblur.inference.shipped import is_run
    from tfdeblur.studies.readability import character_error_rates, make_reader
    from tfdeblur.training.experiment import load_trained
    from tfdeblur.training.validation import make_image_restore

    values = flags.FLAGS
    read = make_reader(values.reader)
    systems = {"bicubic": lambda image: make_baseline(image, 4)}
    for model in values.model:
        if is_run(Path(model)):
            systems[model] = make_image_restore(load_trained(model, values.checkpoint).generator)
        else:
            systems[model] = Restorer.load(model).restore
    found = open_pairs(values.data, values.data_dir, values.split, values.limit)
    pairs = (pair.load() if isinstance(pair, PairFile) else pair for pair in found)
    rates, pages = character_error_rates(pairs, systems, read)
    print(f"Character error rate on {pages} pages:")
    for name, rate in rates.items():
        print(f"  {name:40} {rate:.3f}")


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
