"""Publish a finished run: checked artifacts and a model card with scores."""

import json
from pathlib import Path

import numpy as np

from tfdeblur.degradations.pages import COLOUR
from tfdeblur.degradations.recipes import GeneratedRecipe, TextRecipe
from tfdeblur.evaluation.evaluate import score_pairs, summarise
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.export.check_images import CheckImages, draw_check_images, read_check_images
from tfdeblur.export.gate import restore_in_memory
from tfdeblur.export.model_card import ModelFacts, score_facts, training_facts, write_model_card
from tfdeblur.export.publish import export_model
from tfdeblur.export.saved_model import rebuild_in_float32
from tfdeblur.export.training_files import DISCRIMINATORS, NETWORK, pack_weights
from tfdeblur.models.config import ModelConfig
from tfdeblur.training.experiment import CONFIG_FILE, DataConfig, Trained, load_trained
from tfdeblur.training.run_folder import ENVIRONMENT_FILE

RECIPE_DATA = (
    "Pages of English text, rendered, blurred, made noisy and shrunk by "
    "`tfdeblur.degradations.recipes`. Their texts and fonts are listed in "
    "`tfdeblur/degradations/page_sources`, each with its source and licence; the recipe's values "
    "are in training/config.json."
)
RECIPE_LICENCE = "Apache-2.0"
PREPARED_LICENCE = "Not stated: that of the data decides."
TEXT_LIMITS = (
    "It knows printed Latin text. Handwriting, other scripts and photographs are outside its data.",
    "Blur beyond that of its training data stays; a faint grid may show in flat areas.",
    "Where the input cannot be read it may write letters that were never there: it is no evidence.",
)
PRINT_LIMIT = "Coloured paper and ink lose part of their tint."
LIMITS = (
    "Pictures of another kind than its data, and blur beyond that of its data, are outside it.",
    "Where the input does not show a detail it may invent one: it is no evidence.",
)


def release(
    workdir: str | Path,
    output: str | Path,
    *,
    which: str = "best",
    images: str | Path | None = None,
    notes: str = "",
    hours: float | None = None,
) -> Path:
    """Export a run's generator, in float32, as the next version in `output`.

    Args:
      workdir: the run's folder.
      output: the model's folder; its name becomes the model's name.
      which: `best` or `latest` checkpoint.
      images: folder of real images for the gate, paired or not; None: drawn pages of the test
        split, degraded as in the run if its data was drawn too.
      notes: markdown for the end of the model card.
      hours: training time, for the model card.

    Returns:
      The new version folder.

    Raises:
      FileNotFoundError: `workdir` holds no such run.
      tfdeblur.export.gate.GateError: an artifact differs from the trained model.
      ValueError: `images` are too few, have too few sizes or do not fit the model.
    """
    workdir, output = Path(workdir), Path(output)
    trained = load_trained(workdir, which)
    scale, fixed = trained.model_config.scale, trained.model_config.fixed_input_size
    checks = (
        read_check_images(images, scale, fixed)
        if images
        else draw_check_images(scale, fixed, _recipe(trained.experiment_config.data))
    )
    config, environment = (
        (workdir / name).read_bytes() for name in (CONFIG_FILE, ENVIRONMENT_FILE)
    )
    scores, protocol = _scores(trained, checks)
    recipe = _on_printed_text(trained.experiment_config.data)
    facts = ModelFacts(
        name=output.resolve().name,
        summary=_summary(trained.model_config, trained.experiment_config.data),
        scale=scale,
        data=_data(trained.experiment_config.data),
        training=training_facts(json.loads(config), json.loads(environment), trained.step, hours),
        scores=scores,
        score_protocol=protocol,
        licence=RECIPE_LICENCE if recipe else PREPARED_LICENCE,
        limits=_limits(trained.experiment_config.data),
        notes=notes,
    )
    return export_model(
        trained.generator,
        trained.model_config,
        output,
        check_images=checks.images,
        check_targets=checks.targets,
        training_files={CONFIG_FILE: config, **_weights(trained)},
        card=write_model_card(facts),
    )


def _recipe(data: DataConfig) -> TextRecipe | GeneratedRecipe:
    """Return the recipe that degrades the gate's drawn pages."""
    if data.source == "recipe" and not _on_printed_text(data):
        return data.classes()[0].build_recipe("test")
    return TextRecipe()


def _weights(trained: Trained) -> dict[str, bytes]:
    """Pack the weights trained beside the generator; if there are none, one empty file."""
    discriminators = {name: each.get_weights() for name, each in trained.discriminators.items()}
    packed = {DISCRIMINATORS: pack_weights(discriminators)}
    if beside := trained.model.training_only_weights():
        packed[NETWORK] = pack_weights({"network": [weight.numpy() for weight in beside]})
    return packed


def _data(data: DataConfig) -> str:
    """Describe a run's training data."""
    if data.source == "prepared":
        return f"The prepared data set {data.name}; its own metadata say what is in it."
    if not _on_printed_text(data):
        return f"Rendered pages, degraded by the recipe {data.recipe} to try the model out."
    return f"{RECIPE_DATA} Domain: {data.domain}."


def _limits(data: DataConfig) -> tuple[str, ...]:
    """List a model's limits."""
    if not _on_printed_text(data):
        return LIMITS
    knows_colour = any(part.domain == COLOUR for part in data.classes())
    return TEXT_LIMITS if knows_colour else (*TEXT_LIMITS, PRINT_LIMIT)


def _on_printed_text(data: DataConfig) -> bool:
    return data.source == "recipe" and data.recipe == TextRecipe.name


def _summary(model_config: ModelConfig, data: DataConfig) -> str:
    scale, side = model_config.scale, model_config.fixed_input_size
    task = "Deblurs" if scale == 1 else f"Deblurs and enlarges {scale} times"
    kind = "of printed text" if data.source == "recipe" else f"like those of {data.name}"
    size = " of any size" if side is None else f"; the input has {side}x{side} px, no other size"
    return f"{task} pictures {kind}. Input and output are 8-bit RGB{size}."


def _scores(trained: Trained, checks: CheckImages) -> tuple[dict[str, dict[str, float]], str]:
    """Score the generator on the check images and say how; without targets, say what is known."""
    validation = ", ".join(f"{name} {value:.2f}" for name, value in trained.scores.items())
    known = (
        f"The run's own validation: {validation}." if validation else "The run was not validated."
    )
    if checks.targets is None:
        return {}, known
    scale = trained.model_config.scale
    protocol = make_protocol("rgb", scale)
    generator = rebuild_in_float32(trained.generator, trained.model_config)
    restore = restore_in_memory(generator, trained.model_config)
    names = map(str, np.arange(len(checks.images)))
    pairs = list(zip(names, checks.images, checks.targets, strict=True))
    summary = summarise(score_pairs(restore, pairs, scale, protocol), scale, protocol)
    count = summary["count"]
    return score_facts(
        summary
    ), f"{count} images of the export's check, {protocol.description}. {known}"
