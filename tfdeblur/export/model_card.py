"""A model card: what users must know before using a model, as markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelFacts:
    """The content of a card.

    Attributes:
      name: the model's name, the card's title.
      summary: what it does, in a sentence or two.
      scale: enlargement factor of the restored image.
      data: the training data and its licence.
      training: steps, time, machine and precision by name, e.g. {"Steps": "40,000"}.
      scores: measure -> {system -> value}, e.g. {"PSNR (dB)": {"bicubic": 16.8, "restored": 19.5}}.
      score_protocol: the data and protocol of the scores.
      licence: of the weights, as an SPDX name.
      limits: where it fails, one sentence each.
      notes: markdown that ends the card; may be empty.
    """

    name: str
    summary: str
    scale: int
    data: str
    training: Mapping[str, str]
    scores: Mapping[str, Mapping[str, float]]
    score_protocol: str
    licence: str
    limits: Sequence[str]
    notes: str = ""


def training_facts(
    config: Mapping[str, Any], environment: Mapping[str, Any], step: int, hours: float | None
) -> dict[str, str]:
    """Return the facts of a run by name, for `ModelFacts.training`.

    Args:
      config: the run's config.json.
      environment: the run's environment.json.
      step: finished steps of the exported checkpoint.
      hours: training time; omitted if None.
    """
    model, plan, optimizer = config["model"], config["train"], config["optimizer"]
    facts = {
        "Experiment": f"{config['name']}, seed {config['seed']}",
        "Model": ", ".join(
            f"{field} {value}" for field, value in model.items() if field not in ("class", "name")
        ),
        "Steps": f"{step:,} of batch {plan['batch_size']}",
        "Started from": plan["init_from"] or "random weights",
        "Optimizer": f"Adam, learning rate {optimizer['learning_rate']:g}, {optimizer['schedule']}",
        "Precision": environment["precision"],
        "Machine": f"{environment['platform']}, {', '.join(environment['devices'])}",
    }
    if hours is not None:
        facts["Time"] = f"{hours:.1f} h"
    return facts


def score_facts(summary: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return an evaluation's means by measure, for `ModelFacts.scores`."""
    names = {"psnr": "PSNR (dB)", "ssim": "SSIM", "dcr": "Dark channel ratio"}
    systems = {summary["baseline_method"]: summary["baseline"], "restored": summary["restored"]}
    return {
        title: {system: means[key] for system, means in systems.items()}
        for key, title in names.items()
        if all(means[key] is not None for means in systems.values())
    }


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    systems = list(dict.fromkeys(system for values in scores.values() for system in values))
    rows = [
        [measure, *(f"{values[s]:.4g}" if s in values else "" for s in systems)]
        for measure, values in scores.items()
    ]
    return _table(["", *systems], rows)


def write_model_card(facts: ModelFacts) -> str:
    """Return the card as markdown.

    Raises:
      ValueError: a required fact is empty.
    """
    for field in ("name", "summary", "data", "training", "score_protocol", "licence", "limits"):
        if not getattr(facts, field):
            raise ValueError(f"`{field}` of a model card must not be empty.")
    size = "the size of its input" if facts.scale == 1 else f"{facts.scale} times the size"
    scores = _score_table(facts.scores) if facts.scores else "None were recorded."
    sections = {
        "Use": f"`tfdeblur restore INPUT --output=DIR --model={facts.name}` writes images of "
        f"{size}. The files beside this card run without tfdeblur, too: see docs/export.md.",
        "Data": facts.data,
        "Training": _table(["", ""], list(map(list, facts.training.items()))),
        "Scores": f"{facts.score_protocol}\n\n{scores}",
        "Limits": "\n".join(f"- {limit}" for limit in facts.limits),
        "Licence": facts.licence,
    }
    if facts.notes:
        sections["Notes"] = facts.notes.strip()
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# {facts.name}\n\n{facts.summary}\n\n{body}\n"
