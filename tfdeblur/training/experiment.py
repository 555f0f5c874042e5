"""An experiment's configuration, and how it is stored in a run's folder.

`configs/*.py` return an `ExperimentConfig`; `tfdeblur.training.train` runs it.
"""

import dataclasses
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tfdeblur.data.pipeline import DataConfig
from tfdeblur.images import files
from tfdeblur.models.base import RestorationModel
from tfdeblur.models.config import ModelConfig
from tfdeblur.rules import at_least, check_fields, fraction, one_of, ruled
from tfdeblur.stack import keras
from tfdeblur.training.checkpoints import restore_networks
from tfdeblur.training.optimizer import OptimizerConfig
from tfdeblur.training.runtime import RuntimeConfig

CONFIG_FILE = "config.json"
FORMAT_VERSION = 2  # Of a run's folder. Version 1 lacks the field and predates averaged weights.


@dataclass
class TrainConfig:
    """How long to train, and what to do on the way.

    Attributes:
      steps: total updates of the generator.
      batch_size: pairs per update; a step takes one batch for each discriminator update that the
        model makes per generator update.
      micro_batches: parts that a batch is split into and computed one after another, if it does not
        fit into memory (gradient accumulation). Batch norms and triplets see one part at a time.
      average_decay: decay of the moving average of the weights, which is validated and exported in
        their place; for example 0.999. 0: no average.
      patience: validations without a better PSNR after which the run ends; 0: never ends early.
      on_non_finite: what to do about a non-finite term or gradient, after the flight record:
        `stop`, or `roll_back` to the latest checkpoint and redraw the batch.
      most_rollbacks: rollbacks allowed in one run; one more stops it.
      log_every: steps between scalars in TensorBoard; each is the mean of its interval.
      checkpoint_every: steps between checkpoints of the latest weights.
      validate_every: steps between validations, which also choose the best checkpoint.
      validation_count: whole pairs of the validation split that each validation restores.
      init_from: source of a new run's initial weights: a shipped model's name, an exported model's
        folder, or another run's folder; empty: random weights.
      init_partly: whether `init_from` may lack weights or have some of other shapes; weights are
        matched by name, and those left random are listed.
      profile: first and last step to profile for TensorBoard; (0, 0): none.
    """

    steps: int = at_least(1, default=10_000)
    batch_size: int = at_least(1, default=16)
    micro_batches: int = at_least(1, default=1)
    average_decay: float = fraction(default=0.0)
    patience: int = at_least(0, default=0)
    on_non_finite: str = one_of(("stop", "roll_back"), default="stop")
    most_rollbacks: int = at_least(0, default=3)
    log_every: int = at_least(1, default=50)
    checkpoint_every: int = at_least(1, default=250)
    validate_every: int = at_least(1, default=500)
    validation_count: int = at_least(1, default=64)
    init_from: str = ""
    init_partly: bool = False
    profile: tuple[int, int] = ruled(
        "the first and the last step, or (0, 0)",
        lambda steps: tuple(steps) == (0, 0) or (len(steps) == 2 and 0 < steps[0] <= steps[1]),
        default=(0, 0),
    )

    @classmethod
    def quick(cls, **fields: Any) -> "TrainConfig":
        """Return the training of a `quicktest`, in which all is due every few steps.

        Args:
          **fields: other values than its own.
        """
        due = {"log_every": 2, "checkpoint_every": 2, "validate_every": 4, "validation_count": 2}
        return cls(**{"steps": 8, "batch_size": 2, **due, **fields})

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule."""
        check_fields(self, "train.")


def check_variant(variant: str, known: Sequence[str] = ("quicktest",)) -> None:
    """Raise ValueError unless the variant of an experiment is one of `known` or empty."""
    if variant not in ("", *known):
        names = ", ".join(map(repr, known))
        raise ValueError(f"The variant must be {names} or none. Got: {variant!r}.")


@dataclass
class ExperimentConfig:
    """A whole experiment: equal values give equal runs.

    Attributes:
      name: of the experiment.
      model: a paper's config.
      seed: of weights, data order and degradation.
    """

    name: str
    model: ModelConfig
    seed: int = at_least(0, default=0)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule, or fields that do not fit together."""
        check_fields(self)
        for part in (self.model, self.data, self.optimizer, self.train, self.runtime):
            part.validate()
        least = self.model.minimum_batch_size
        if self.train.batch_size < least:
            raise ValueError(
                f"`train.batch_size` must be at least {least} for this objective. "
                f"Got: {self.train.batch_size}."
            )
        classes = len(self.data.classes())
        if self.train.batch_size % classes:
            raise ValueError(
                f"`train.batch_size` must be a multiple of {classes}, the classes of its data. "
                f"Got: {self.train.batch_size}."
            )
        if self.train.batch_size % (classes * self.train.micro_batches):
            raise ValueError(
                f"`train.micro_batches` times the {classes} classes of the data must divide "
                f"`train.batch_size`, {self.train.batch_size}. Got: {self.train.micro_batches}."
            )
        if self.train.batch_size // self.train.micro_batches < least:
            raise ValueError(
                f"`train.micro_batches` must leave at least {least} pairs in each for this "
                f"objective. Got: {self.train.micro_batches}."
            )
        if self.model.classes not in (1, classes):
            listed = "domain" if self.data.source == "recipe" else "name"
            raise ValueError(
                f"`data.{listed}` must name {self.model.classes} classes of pairs, divided by "
                f"commas: as many as the model tells apart. Got: {getattr(self.data, listed)!r}."
            )
        field = "patch_size" if self.data.source == "recipe" else "crop_size"
        side, wanted = getattr(self.data, field), self.model.target_size
        if wanted is not None and side not in (0, wanted):  # 0: whole prepared images.
            raise ValueError(
                f"`data.{field}` must be {wanted}, the size that this model's discriminator takes. "
                f"Got: {side}."
            )


@dataclass(frozen=True)
class Trained:
    """The networks of a run and where they come from.

    Attributes:
      model: not compiled, in the phase of `step`.
      step: finished steps of the checkpoint.
      scores: of the checkpoint; holds `best_val_psnr` after the first validation.
    """

    model: RestorationModel
    model_config: ModelConfig
    experiment_config: ExperimentConfig
    step: int
    scores: dict[str, float]

    @property
    def generator(self) -> keras.Model:
        """The network to export."""
        return self.model.generator

    @property
    def discriminators(self) -> dict[str, keras.Model]:
        """Discriminators by name; empty in a model without an adversarial term."""
        return self.model.discriminators


def fields_of(config: ExperimentConfig) -> dict[str, Any]:
    """Return all fields as nested dictionaries, with tuples for lists as in `load_config`."""
    return _with_tuples(dataclasses.asdict(config))


def save_config(config: ExperimentConfig, path: Path) -> None:
    """Write a configuration as JSON, with the class of its model config.

    Raises:
      ValueError: the class cannot be found by its name.
    """
    model = type(config.model)
    try:
        found = getattr(importlib.import_module(model.__module__), model.__qualname__, None)
    except ImportError:
        found = None
    if found is not model:
        raise ValueError(
            "`model` must be of a class that stands in a module on Python's path, so that the run "
            f"can be loaded again. Got: {model.__module__}.{model.__qualname__}."
        )
    files.write_json(path, _saved_values(config))


def is_saved(config: ExperimentConfig, path: Path) -> bool:
    """Tell whether the file holds exactly what `save_config` would write."""
    try:
        return json.loads(path.read_text("utf-8")) == json.loads(json.dumps(_saved_values(config)))
    except (OSError, ValueError):
        return False


def _saved_values(config: ExperimentConfig) -> dict[str, Any]:
    model = type(config.model)
    values = {"format_version": FORMAT_VERSION, **dataclasses.asdict(config)}
    values["model"] = {"class": f"{model.__module__}:{model.__qualname__}", **values["model"]}
    return values


def load_config(path: Path) -> ExperimentConfig:
    """Read what `save_config` wrote.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is not a configuration, or has fields that this version does not know.
    """
    try:
        values = _with_tuples(json.loads(path.read_text("utf-8")))
        values.pop("format_version", None)
        module, _, name = values["model"].pop("class").partition(":")
        model_class = getattr(importlib.import_module(module), name)
        if not (isinstance(model_class, type) and dataclasses.is_dataclass(model_class)):
            raise ValueError(f"`model.class` must be a dataclass. Got: {module}:{name}.")
        return ExperimentConfig(
            model=cast(ModelConfig, model_class(**values.pop("model"))),
            data=DataConfig(**values.pop("data")),
            optimizer=OptimizerConfig(**values.pop("optimizer")),
            train=TrainConfig(**values.pop("train")),
            runtime=RuntimeConfig(**values.pop("runtime")),
            **values,
        )
    except (AttributeError, ImportError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} must be a saved experiment. Got: {error!r}.") from error


def _with_tuples(values: Any) -> Any:
    """Turn JSON's lists back into tuples, at any depth."""
    if isinstance(values, dict):
        return {name: _with_tuples(value) for name, value in values.items()}
    return tuple(map(_with_tuples, values)) if isinstance(values, list) else values


def check_format(path: Path) -> None:
    """Raise ValueError unless the run saved at `path` can be resumed."""
    version = json.loads(path.read_text("utf-8")).get("format_version", 1)
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path}: `format_version` must be {FORMAT_VERSION} for this version of tfdeblur to go "
            f"on with the run. Got: {version}. Its weights can still be used: "
            f"--config.train.init_from={path.parent}."
        )


def load_trained(workdir: str | Path, which: str = "best") -> Trained:
    """Load the networks of a run from its best or latest checkpoint.

    Raises:
      FileNotFoundError: `workdir` has no configuration or no such checkpoint.
      ValueError: `which` is unknown or the configuration cannot be read.
    """
    workdir = Path(workdir)
    if not (workdir / CONFIG_FILE).exists():
        raise FileNotFoundError(f"{workdir} must be a run's folder with {CONFIG_FILE}. Got: none.")
    config = load_config(workdir / CONFIG_FILE)
    model = config.model.build()
    step, best = restore_networks(workdir / "checkpoints", which, model)
    # A checkpoint at the start of a phase holds the result of the phase before.
    model.enter_phase(model.phase_at(max(step - 1, 0)))
    scores = {"best_val_psnr": best} if best > -float("inf") else {}
    return Trained(model, config.model, config, step, scores)
