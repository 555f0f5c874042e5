"""Score a model beside the trivial baseline: tfdeblur evaluate --model=MODEL --data=DATA

  tfdeblur evaluate --model=scgan_text --data=my_pairs --output=report
  tfdeblur evaluate --model=scgan_text --data=blurred_text/pages --data_dir=prepared --limit=64
  tfdeblur evaluate --model=runs/text --data=my_pairs --protocol=y_crop

--model takes a name that `tfdeblur models` lists, a model's folder, a .tflite file, or a run's
folder (--checkpoint=latest: its newest weights, not its best). --data takes a folder with lr/ and
hr/, or blurry/ and sharp/, with equal file names; or the name of prepared data. Prepared data, runs
and SavedModels need the extra `train`.

Prints PSNR, SSIM and the dark channel ratio (dcr; 1 is as sharp as the truth, more is smoother) of
the baseline (bicubic; at scale 1 the input itself) and of the restored images. --output=DIR gets
summary.json, per_image.csv and grid.png: pairs with worst, median and best gain.
--protocol sets colours and border: rgb, rgb_crop (crops as many pixels as the scale on each side),
y and y_crop (MATLAB's luma). Scores under different protocols are not comparable. A pair that
cannot be scored is reported and skipped; the exit code is then 1.
"""

from pathlib import Path

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""

    def text(name: str, default: str | None, about: str) -> None:
        flags.DEFINE_string(name, default, about, flag_values=flag_values)

    def choice(name: str, values: list[str], about: str) -> None:
        flags.DEFINE_enum(name, values[0], values, about, flag_values=flag_values)

    text("model", None, "model to score: a name, a folder, a .tflite file or a run's folder")
    text("data", None, "pairs: a folder, or the name of prepared data")
    text("data_dir", None, "where named data was prepared (default: that of TFDS)")
    text("split", "test", "split of named data")
    text("output", None, "folder for summary.json, per_image.csv and grid.png")
    choice("protocol", ["rgb", "rgb_crop", "y", "y_crop"], "colours and border of PSNR and SSIM")
    choice("checkpoint", ["best", "latest"], "weights of a run to score")
    choice("runtime", ["auto", "litert", "saved_model"], "runtime of exported models")
    flags.DEFINE_integer("limit", None, "score the first so many", 1, flag_values=flag_values)
    flags.mark_flags_as_required(["model", "data"], flag_values=flag_values)


def load_model(model: str, checkpoint: str, runtime: str):
    """Return the restorer of a run or of an exported model."""
    from tfdeblur.inference.shipped import is_run

    if not is_run(Path(model)):
        from tfdeblur.inference.restorer import Restorer

        return Restorer.load(model, runtime=runtime)
    from tfdeblur.evaluation.in_memory import make_restorer
    from tfdeblur.training.experiment import load_trained
    from tfdeblur.training.validation import make_image_restore

    trained = load_trained(model, checkpoint)
    return make_restorer(make_image_restore(trained.generator), trained.model_config)


def main(argv: list[str]) -> int:
    """Evaluate; return 1 if a pair failed."""
    from tfdeblur.data.pairs import open_pairs
    from tfdeblur.evaluation.evaluate import evaluate, format_summary

    values = flags.FLAGS
    pairs = open_pairs(values.data, values.data_dir, values.split, values.limit)
    model = load_model(values.model, values.checkpoint, values.runtime)
    names = {"model": values.model, "data": values.data}
    summary = evaluate(
        model.restore, pairs, model.scale, values.protocol, values.output, context=names
    )
    print(format_summary(summary))
    return 1 if summary["failed"] else 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
