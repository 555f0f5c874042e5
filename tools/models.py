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

from absl import app, flags


def define_flags(flag_values: flags.FlagValues) -> None:
    """Define this program's flags."""
    flags.DEFINE_bool(
        "architectures",
        False,
        "list the models that can be trained instead",
        flag_values=flag_values,
    )


def main(argv: list[str]) -> int:
    """Print a list or cards."""
    if flags.FLAGS.architectures:
        if len(argv) > 1:
            raise ValueError(f"`--architectures` takes no model. Got: {', '.join(argv[1:])}.")
        from tfdeblur.command_line.config_flag import installed_configs
        from tfdeblur.studies.architectures import entries

        for entry in entries(installed_configs().values()):
            print(entry, flush=True)
        return 0
    from tfdeblur.inference.shipped import resolve_model, shipped_models

    if len(argv) > 1:
        for name in argv[1:]:
            model = resolve_model(name)
            print(model.card or f"{model.path} has no model card.")
        return 0
    models = shipped_models()
    print(
        "\n".join(model.entry for model in models)
        if models
        else "No model is installed with tfdeblur."
    )
    return 0


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(main)
