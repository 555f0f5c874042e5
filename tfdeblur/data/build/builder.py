"""The base class of the data set builders, which TFDS writes and reads in resumable parts.

A builder plans which examples exist and how to make one; this module makes them, in this process or
on Beam's workers, and publishes the whole. Until then parts are kept in `partial.<version>` beside
the data: an interrupted build leaves nothing that looks finished, and the next build resumes it.
"""

import abc
import dataclasses
import fcntl
import functools
import hashlib
import inspect
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from absl import logging
from etils import epath

from tfdeblur.data.build import shards
from tfdeblur.data.build.runners import run
from tfdeblur.data.pairs import PairLayout
from tfdeblur.degradations.recipes import Recipe
from tfdeblur.images.resize import RESIZER

SKIPPED_FILE = "skipped.json"
_PLAN_FILE = "plan.json"
_LOCK_FILE = "lock"
_INPUTS = "inputs_sha256"


@dataclasses.dataclass(kw_only=True, eq=False)
class PairConfig(tfds.core.BuilderConfig):
    """The fields shared by all configurations of pairs.

    Attributes:
      recipe: a recipe of `tfdeblur.degradations.recipes`, or None if the pairs already exist.
      count: training images or pairs; None: all.
      seed: of every draw.
      source: a prepared TFDS image data set to take images from; empty: the user's folder, or none
        if none is needed.
      examples_per_shard: least number of examples in a file; see `shards.plan_shards`.
    """

    recipe: Any = None
    count: int | None = None
    seed: int = 0
    source: str = ""
    examples_per_shard: int = 1000

    def variant(
        self, *, count: int | None = None, seed: int | None = None, source: str | None = None
    ) -> "PairConfig":
        """Return this configuration with other values, under a name that shows them.

        Returns:
          This configuration if nothing differs, else one named like `x4_count200000_seed7`, with a
          folder of its own.

        Raises:
          ValueError: a value is out of its range.
        """
        if count is not None and count < 1:
            raise ValueError(f"`count` must be at least 1. Got: {count}.")
        if seed is not None and seed < 0:
            raise ValueError(f"`seed` must be at least 0. Got: {seed}.")
        changes: dict[str, Any] = {}
        name = self.name
        for field, value, suffix in (
            ("count", count, f"_count{count}"),
            ("seed", seed, f"_seed{seed}"),
            ("source", source, f"_from_{re.sub('[^a-z0-9]+', '_', (source or '').lower())}"),
        ):
            if value is not None and value != getattr(self, field):
                changes[field] = value
                name += suffix
        return dataclasses.replace(self, **changes, **{"name": name}) if changes else self


class BuildError(ValueError):
    """A data set cannot be built; the message says what must change."""


class PairBuilder(tfds.core.ShardBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A TFDS builder whose examples are pure functions of their keys.

    A subclass states `VERSION`, `BUILDER_CONFIGS`, `_info` (see `_describe`) and `plan`. Its folder
    holds README.md, CITATIONS.bib and TAGS.txt.

    Attributes:
      skipped: (file, reason) of each unusable file, after `download_and_prepare`.
      notes: decisions and resumed work, in words, after `download_and_prepare`.
    """

    builder_config: PairConfig

    def __init_subclass__(cls, **arguments):
        """Find README.md and others beside a builder's file.

        TFDS would look for them through the namespace package, which fails in an editable install.
        """
        super().__init_subclass__(**arguments)
        cls.code_path = epath.Path(inspect.getfile(cls))
        cls.pkg_dir_path = cls.code_path.parent

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.skipped: list[tuple[str, str]] = []
        self.notes: list[str] = []

    @abc.abstractmethod
    def plan(self, manual_dir: Path | None) -> shards.Plan:
        """List the examples to make, without reading any image.

        Args:
          manual_dir: the folder of the user's own files, for builders that define
            `MANUAL_DOWNLOAD_INSTRUCTIONS`.

        Raises:
          ValueError: there is nothing to make examples from.
        """

    def _describe(
        self,
        features: tfds.features.FeaturesDict,
        layout: PairLayout | None = None,
        supervised_keys: tuple[str, str] | None = None,
        **metadata: Any,
    ) -> tfds.core.DatasetInfo:
        """Describe the data, for `_info`.

        Args:
          features: of the examples.
          layout: the features that make a pair; None: those of the recipe.
          supervised_keys: TFDS's (input, truth).
          **metadata: further entries of metadata.json.
        """
        recipe = self.builder_config.recipe
        made: dict[str, Any] = {"recipe": {}, "recipe_name": "none", "recipe_version": "1.0.0"}
        if recipe is not None:
            layout = layout or _layout_of(recipe)
            made = {
                "recipe": dataclasses.asdict(recipe),
                "recipe_name": recipe.name,
                "recipe_version": recipe.version,
                "resizer": RESIZER,
            }
        assert layout is not None
        return self.dataset_info_from_configs(
            features=features,
            supervised_keys=supervised_keys,
            metadata=tfds.core.MetadataDict(
                **made,
                seed=self.builder_config.seed,
                pair=dataclasses.asdict(layout),
                **metadata,
            ),
        )

    def _add_files(self, folder: Path) -> None:
        """Write files beside the shards, such as a bank of kernels. By default, none."""

    def _shard_iterators_per_split(self, dl_manager):
        """Yield the examples without writing them, for TFDS tools that ask for it."""
        plan = self.plan(self._manual_dir(dl_manager))
        iterators: dict[str, list] = {}
        for shard in self._shards(plan):
            examples = functools.partial(_examples, plan.make, shard)
            iterators.setdefault(shard.split, []).append(examples)
        return iterators

    @property
    def needs_manual_dir(self) -> bool:
        """Whether the data is made from the user's own files."""
        return bool(self.MANUAL_DOWNLOAD_INSTRUCTIONS) and not self.builder_config.source

    def _manual_dir(self, dl_manager) -> Path | None:
        return Path(dl_manager.manual_dir) if self.needs_manual_dir else None

    def _shards(self, plan: shards.Plan) -> list[shards.Shard]:
        return shards.plan_shards(self.name, plan.keys, self.builder_config.examples_per_shard)

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        config = download_config or tfds.download.DownloadConfig()
        plan = self.plan(self._manual_dir(dl_manager))
        planned = self._shards(plan)
        if not planned:
            raise BuildError(
                f"`{self.info.full_name}` would have no example.{_list(plan.excluded)}"
            )
        self.info.metadata[_INPUTS] = inputs_sha256(plan)
        self.notes = list(plan.notes)
        folder = Path(self.data_dir).parent / f"partial.{self.version}"
        with _locked(folder):
            self._make_shards(plan, planned, folder, config)
            self._publish(plan, planned, folder)
        shutil.rmtree(folder)

    def _make_shards(self, plan, planned, folder: Path, config) -> None:
        """Write the shards that no earlier build has left."""
        features_json = json.dumps(self.info.features.to_json(), sort_keys=True)
        self.notes += _resume(folder, _fingerprint(self.info, features_json, plan, planned))
        todo = [shard for shard in planned if shards.read_report(folder / shard.name) is None]
        if len(todo) < len(planned):
            there = len(planned) - len(todo)
            self.notes.append(f"resumed: {there} of {len(planned)} files were there")
        work = functools.partial(
            shards.write_shard, make=plan.make, features_json=features_json, folder=str(folder)
        )
        run(work, todo, config.beam_runner, config.beam_options)
        missing = [s.name for s in planned if shards.read_report(folder / s.name) is None]
        if missing:
            raise BuildError(
                f"{len(missing)} of {len(planned)} files were not written, "
                f"{missing[0]} among them. "
                "Workers must reach the data's folder by the same name; run the command again to "
                "go on."
            )

    def _publish(self, plan, planned, folder: Path) -> None:
        """Move complete shards into the folder that TFDS is about to rename, and describe them."""
        reports: dict[str, shards.ShardReport] = {}
        skipped = dict.fromkeys(plan.excluded)  # Several shards may skip one photograph.
        dropped = 0
        lengths: dict[str, list[int]] = {}
        sizes: dict[str, int] = {}
        for shard in planned:
            report = shards.read_report(folder / shard.name)
            assert report is not None  # _make_shards has checked it.
            reports[shard.name] = report
            skipped.update(dict.fromkeys(report.skipped))
            dropped += report.dropped
            lengths.setdefault(shard.split, []).append(report.examples)
            sizes[shard.split] = sizes.get(shard.split, 0) + report.size
        self.skipped = list(skipped)
        if dropped:
            self.notes.append(f"dropped by the recipe: {dropped} examples")
        empty = [split for split, counts in lengths.items() if not sum(counts)]
        if empty:
            raise BuildError(
                f"no example of {', '.join(empty)} could be made.{_list(self.skipped)}"
            )
        for shard in planned:
            (folder / shard.name).rename(Path(self.data_dir, shard.name))
        self._add_files(Path(self.data_dir))
        described = [
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=counts,
                num_bytes=sizes[split],
                filename_template=self._get_filename_template(split_name=split),
            )
            for split, counts in lengths.items()
        ]
        self.info.set_splits(tfds.core.splits.SplitDict(described))
        self.info.metadata["shards_sha256"] = shards.combined_digest(reports.items())
        self.info.metadata["skipped"] = len(self.skipped)
        self.info.metadata["dropped"] = dropped
        if self.skipped:
            text = json.dumps([{"file": f, "reason": r} for f, r in self.skipped], indent=1)
            Path(self.data_dir, SKIPPED_FILE).write_text(text, encoding="utf-8")


def check_inputs(builder: PairBuilder, manual_dir: Path | None) -> None:
    """Check that prepared data was made from the present files.

    Raises:
      BuildError: it was made from other files.
    """
    made_from = (builder.info.metadata or {}).get(_INPUTS)
    if made_from != inputs_sha256(builder.plan(manual_dir)):
        raise BuildError(
            f"`{builder.info.full_name}` is already prepared in {builder.data_dir}, but from other "
            "files. Take another --data_dir, or --overwrite replaces it."
        )


def inputs_sha256(plan: shards.Plan) -> str:
    """Return a hash of the names and sizes of a plan's files, the same on every machine."""
    lines = sorted(f"{Path(path).name}\0{os.stat(path).st_size}\n" for path in plan.inputs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _layout_of(recipe: Recipe) -> PairLayout:
    """Name the features of a recipe's pairs."""
    degraded, target = (None, "sharp") if recipe.on_reading else recipe.names
    extras = {name: factor for name, (factor, _) in recipe.extras.items()}
    return PairLayout(degraded, target, recipe.scale, extras)


def _examples(make: shards.MakeExample, shard: shards.Shard) -> Iterator[tuple[str, Any]]:
    for key in shard.keys:
        example = make(shard.split, key)
        if example is not None:
            yield example["id"], example


def _list(excluded, most: int = 5) -> str:
    """Return the first excluded files, to append to an error message."""
    lines = [f"\n  {file}: {reason}" for file, reason in excluded[:most]]
    if len(excluded) > most:
        lines.append(f"\n  and {len(excluded) - most} more")
    return "".join(lines)


def _fingerprint(info, features_json: str, plan: shards.Plan, planned: list[shards.Shard]) -> str:
    """Return a hash of everything that determines a shard's bytes."""
    digest = hashlib.sha256(features_json.encode())
    digest.update(json.dumps(info.metadata, sort_keys=True, default=str).encode())
    digest.update(f"{info.full_name} {tfds.__version__}".encode())
    for shard in planned:
        digest.update(f"{shard.name}{shard.keys}".encode())
    for path in plan.inputs:
        facts = os.stat(path)
        digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _resume(folder: Path, fingerprint: str) -> list[str]:
    """Keep an interrupted build's parts if they belong to this build; report it if they do not."""
    file = folder / _PLAN_FILE
    notes: list[str] = []
    if file.exists():
        if json.loads(file.read_text(encoding="utf-8")) == fingerprint:
            return notes
        notes.append(
            "started again: what an interrupted build left was made of other files or settings"
        )
        for path in folder.iterdir():
            if path.name != _LOCK_FILE:
                path.unlink()
    file.write_text(json.dumps(fingerprint), encoding="utf-8")
    return notes


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder of parts: two builds of one data set would undo each other's work.

    Raises:
      BuildError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BuildError(f"{folder}: another process is building this data set.") from error
        logging.debug("Building in %s", folder)
        yield
