"""List the models that come with tfdeblur: tfdeblur models [MODEL]

  tfdeblur models
  tfdeblur models scgan_text

Lists name, version, task, scale and size of each model, and what its card says in a sentence. The
size is that of the TFLite file, which `tfdeblur restore` runs. With MODEL, a name or the folder of
an exported model, prints the whole card: data, training, scores and limits.
"""

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags: it has none."""


def describe(model) -> str:
    """Return a model's lines in the list."""
    data = model.metadata
    size = f"{model.tflite.stat().st_size / 1e6:.1f} MB" if model.tflite else "SavedModel only"
    paragraphs = [part.strip() for part in model.card.split("\n\n")]
    summary = next((part for part in paragraphs if part and not part.startswith("#")), "")
    scale = "same size" if data["scale"] == 1 else f"x{data['scale']}"
    line = f"{data['name']}  version {data['version']}, {data['task']}, {scale}, {size}"
    return "\n    ".join([line, *summary.splitlines()])


def main(argv: list[str]) -> int:
    """Print the list, or one card."""
    from tfdeblur.inference.shipped import resolve_model, shipped_models

    if len(argv) > 1:
        for name in argv[1:]:
            model = resolve_model(name)
            print(model.card or f"{model.path} has no model card.")
        return 0
    models = shipped_models()
    print("\n".join(map(describe, models)) if models else "No model is installed with tfdeblur.")
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
