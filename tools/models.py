"""List the models that come with tfdeblur: tfdeblur models [MODEL]

  tfdeblur models
  tfdeblur models scgan_text
  tfdeblur models --architectures

Lists the name, version, task, scale and size of each model, and its card's summary. The size is
that of the TFLite file, which `tfdeblur restore` runs. With MODEL, a name or the folder of an
exported model, prints the whole card: data, training, scores and limits.

--architectures instead lists the models that can be trained: for each model of the installed
experiments its paper, the parameters of its networks, the multiply-accumulates (GMAC) to restore
one image of the paper's training size, and the side of the receptive field. It builds the networks,
which takes about half a minute and needs the extra `train`.
"""

import runpy
import sys
from importlib import resources

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_bool(
        "architectures", False, "list what can be trained instead", flag_values=flag_values
    )


def describe(model) -> str:
    """Return a model's entry in the list."""
    data = model.metadata
    size = f"{model.tflite.stat().st_size / 1e6:.1f} MB" if model.tflite else "SavedModel only"
    paragraphs = [part.strip() for part in model.card.split("\n\n")]
    summary = next((part for part in paragraphs if part and not part.startswith("#")), "")
    scale = "same size" if data["scale"] == 1 else f"x{data['scale']}"
    line = f"{data['name']}  version {data['version']}, {data['task']}, {scale}, {size}"
    return "\n    ".join([line, *summary.splitlines()])


def list_architectures() -> None:
    """Print the models of the installed experiments, each as soon as it is built."""
    from tfdeblur.studies.architectures import changed_fields, describe, same_architecture

    files = sorted(str(file) for file in resources.files("tfdeblur_configs").iterdir())
    paths = [path for path in files if path.endswith(".py") and not path.endswith("__init__.py")]
    groups = same_architecture(runpy.run_path(path)["get_config"]() for path in paths)
    for model_config, experiments in groups:
        changes = [f"{field}={value}" for field, value in changed_fields(model_config).items()]
        title = ", ".join([model_config.name, *changes])
        print(f"{title} ({', '.join(experiments)}): {model_config.paper}")
        print("\n".join(f"    {line}" for line in architecture_lines(describe(model_config))))
        sys.stdout.flush()


def architecture_lines(architecture) -> list[str]:
    """Return the lines listed for an architecture."""
    config, macs = architecture.model_config, architecture.macs
    side, field = config.training_size, config.receptive_field
    seen = "the whole image" if field is None else f"{field} px"
    if field is not None and config.halo is None:
        seen += "; its norms see the whole image"
    networks = {"generator": architecture.generator, **architecture.discriminators}
    return [
        *(_network_line(name, parameters) for name, parameters in networks.items()),
        f"{macs / 1e9:.2f} GMAC for {side}x{side} px; receptive field {seen}",
    ]


def _network_line(name: str, parameters) -> str:
    other = f" and {parameters.other:,} not trained" if parameters.other else ""
    return f"{name}: {parameters.trained:,} parameters{other}"


def main(argv: list[str]) -> int:
    """Print a list or cards."""
    if flags.FLAGS.architectures:
        if len(argv) > 1:
            raise ValueError(
                f"`--architectures` must stand without a model. Got: {', '.join(argv[1:])}."
            )
        list_architectures()
        return 0
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
