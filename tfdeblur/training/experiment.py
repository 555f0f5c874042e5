"""One experiment: its configuration, and how it is kept in a run's folder.

`configs/*.py` return an `ExperimentConfig`; `tfdeblur.training.train` runs it.
"""

import dataclasses
import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import keras

from tfdeblur.data.pipeline import DataConfig
from tfdeblur.images import files
from tfdeblur.models.base import ModelConfig
from tfdeblur.training.checkpoints import restore_networks
from tfdeblur.training.runtime import RuntimeConfig

CONFIG_FILE = "config.json"
SCHEDULES = ("constant", "cosine")


@dataclass
class OptimizerConfig:
    """Adam for every network.

    Attributes:
      learning_rate: the largest.
      schedule: `constant`, or `cosine` decay to zero over `train.steps` (the generator's and the
        discriminators' alike).
      warmup_steps: linear growth from zero to `learning_rate`; needs `cosine`.
    """

    learning_rate: float = 2e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    schedule: str = "constant"
    warmup_steps: int = 0

    def validate(self) -> None:
        """Raise ValueError for a field outside its range."""
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(
                f"`optimizer.learning_rate` must be positive and finite. Got: {self.learning_rate}."
            )
        for name in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`optimizer.{name}` must be at least 0 and below 1. "
                    f"Got: {getattr(self, name)}."
                )
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"`optimizer.schedule` must be one of {SCHEDULES}. Got: {self.schedule!r}."
            )
        if self.warmup_steps < 0 or (self.warmup_steps and self.schedule == "constant"):
            raise ValueError(
                "`optimizer.warmup_steps` must be at least 0, and 0 without a schedule. "
                f"Got: {self.warmup_steps} with {self.schedule!r}."
            )

    def build(self, steps: int) -> keras.optimizers.Optimizer:
        """Build one network's optimizer for a run of `steps`."""
        rate: Any = self.learning_rate
        if self.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(
                initial_learning_rate=0.0 if self.warmup_steps else self.learning_rate,
                decay_steps=max(1, steps - self.warmup_steps),
                warmup_target=self.learning_rate if self.warmup_steps else None,
                warmup_steps=self.warmup_steps,
            )
        return keras.optimizers.Adam(rate, beta_1=self.beta_1, beta_2=self.beta_2)


@dataclass
class TrainConfig:
    """How long to train, and what to do on the way.

    Attributes:
      steps: updates of the generator, in all.
      batch_size: pairs of a step.
      log_every: steps between scalars in TensorBoard; each is the mean of its interval.
      checkpoint_every: steps between latest checkpoints.
      validate_every: steps between validations, which also choose the best checkpoint.
      validation_count: whole pairs of the validation split that each validation restores.
      init_from: where a new run takes its weights from: a shipped model's name, an exported
        model's folder, or another run's folder; empty for random weights.
    """

    steps: int = 10_000
    batch_size: int = 16
    log_every: int = 50
    checkpoint_every: int = 250
    validate_every: int = 500
    validation_count: int = 64
    init_from: str = ""

    def validate(self) -> None:
        """Raise ValueError for a field outside its range."""
        for name, value in dataclasses.asdict(self).items():
            if name != "init_from" and value < 1:
                raise ValueError(f"`train.{name}` must be at least 1. Got: {value}.")


@dataclass
class ExperimentConfig:
    """One experiment, whole: the same values give the same run.

    Attributes:
      name: of the experiment.
      model: a paper's config.
      seed: of weights, data order, degradation.
    """

    name: str
    model: ModelConfig
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def validate(self) -> None:
        """Raise ValueError that names the first field outside its range."""
        if self.seed < 0:
            raise ValueError(f"`seed` must be at least 0. Got: {self.seed}.")
        for part in (self.model, self.data, self.optimizer, self.train, self.runtime):
            part.validate()
        least = self.model.minimum_batch_size
        if self.train.batch_size < least:
            raise ValueError(
                f"`train.batch_size` must be at least {least} for this objective. "
                f"Got: {self.train.batch_size}."
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
      step: finished steps of the checkpoint.
      scores: of the checkpoint; `best_val_psnr` once there was a validation.
    """

    generator: keras.Model
    discriminators: dict[str, keras.Model]
    model_config: ModelConfig
    experiment_config: ExperimentConfig
    step: int
    scores: dict[str, float]


def save_config(config: ExperimentConfig, path: Path) -> None:
    """Write a configuration as JSON, with the class of its model config."""
    values = dataclasses.asdict(config)
    model = type(config.model)
    values["model"] = {"class": f"{model.__module__}:{model.__qualname__}", **values["model"]}
    files.write_json(path, values)


def load_config(path: Path) -> ExperimentConfig:
    """Read what `save_config` wrote.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is not such a file, or has fields that this version does not know.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
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
    scores = {"best_val_psnr": best} if best > -float("inf") else {}
    return Trained(model.generator, model.discriminators, config.model, config, step, scores)
