"""docs/ablations.md is what the models say, and every switch of every paper is in it."""

import dataclasses
import sys
from pathlib import Path

import pytest
from absl import flags

from tfdeblur.command_line.config_flag import define_config_flag, resolve_config
from tfdeblur.models import enhance_unet, gfn, scgan, two_branch, wrfn
from tfdeblur.studies.ablation_rows import SYSTEMS
from tfdeblur.studies.ablation_table import COLUMNS, HEAD, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ablations.md"
CHOICES = {
    scgan.SCGANConfig: {"objective": scgan.OBJECTIVES, "upsample": scgan.UPSAMPLING},
    enhance_unet.EnhanceUnetConfig: {"critic": tuple(enhance_unet.CRITICS)},
    gfn.GFNConfig: gfn.CHOICES,
    wrfn.WRFNConfig: wrfn.CHOICES,
    two_branch.TwoBranchConfig: two_branch.CHOICES,
}
NAMES = [system.experiment for system in SYSTEMS]


def _committed(system) -> list[str]:
    """A system's lines of the page."""
    part = PAGE.read_text(encoding="utf-8").partition(f"## {system.title}\n")[2]
    return [f"## {system.title}", *part.partition("\n## ")[0].rstrip().split("\n")]


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS, ids=NAMES)
def test_the_page_is_what_the_models_say(system, quick_layers):
    made = table(system).rstrip().split("\n")
    assert made == _committed(system), (
        "Make it again: python -m tfdeblur_tools.ablations --output=docs/ablations.md"
    )


def test_the_page_has_every_system_once():
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(HEAD)
    titles = [line.removeprefix("## ") for line in page.split("\n") if line.startswith("## ")]
    assert titles == [system.title for system in SYSTEMS]


@pytest.mark.parametrize("system", SYSTEMS, ids=NAMES)
def test_each_row_differs_from_the_default(system):
    rows = [line.split(" | ") for line in _committed(system) if line.startswith("| `--config")]
    assert len(rows) == len(system.rows)
    for row in rows:
        assert len(row) == len(COLUMNS)
        seen = [cell.strip(" |") for cell in row[3:]]
        assert any(seen), f"{row[0]} changes nothing that the table shows."


@pytest.mark.parametrize("system", SYSTEMS, ids=NAMES)
def test_every_switch_has_a_row(system):
    """A new field of a config needs one, or a place among `excluded`."""
    fields = {field.name: field.default for field in dataclasses.fields(system.config)}
    shown: dict[str, set] = {}
    for row in system.rows:
        for name, value in row.overrides.items():
            shown.setdefault(name, set()).add(value)
    assert set(fields) == set(shown) | system.excluded
    assert not set(shown) & system.excluded
    for name, choices in CHOICES[system.config].items():
        if name not in system.excluded:
            assert set(choices) == shown[name] | {fields[name]}
    for name in shown:
        if isinstance(fields[name], bool):
            assert shown[name] == {not fields[name]}


@pytest.mark.parametrize("system", SYSTEMS, ids=NAMES)
def test_arguments_are_those_of_the_command_line(system, monkeypatch):
    for row in system.rows:
        command = ["train", resolve_config(f"--config={system.experiment}"), *row.arguments]
        monkeypatch.setattr(sys, "argv", command)  # Where config flags look for overrides.
        values = flags.FlagValues()
        define_config_flag(values)
        values(command)
        values.config.model.validate()
        assert values.config.model == system.config(**row.overrides)
