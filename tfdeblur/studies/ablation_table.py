"""The page of all ablations in Markdown; see `studies.ablations`."""

import itertools

import numpy as np

from tfdeblur.studies.ablations import Facts, Objective, System, observe

HEAD = """# Ablations

Made by `python -m tfdeblur_tools.ablations --output=docs/ablations.md`: nothing below is typed but
the arguments and where the papers have them. A test makes the page again and compares.

- *Parameters*: of what is trained, in the paper's size, with statistics of batch norms and GFN's
  switch of the gate; the difference to the default; discriminators where theirs differ.
- *Output*: of a thin network for the input that stands above the table. A batch has 4 pairs.
- *Terms* and *gradients*: what appears (+) and vanishes (−), of the network or of the discriminator
  that is named. A gradient vanishes if it is none or 0 (beside the others of its layer, below
  1e-3). *Gone*: there are no such weights.
- *Values*: terms and images that differ from the default's at equal weights. They are not compared
  where a network has other weights.
- VGG-19 is replaced by a function without weights.
"""
COLUMNS = (
    "arguments",
    "paper",
    "parameters",
    "difference",
    "discriminators",
    "output",
    "terms",
    "gradients",
    "values",
)


def table(system: System) -> str:
    """Return a system's part of the page."""
    default = observe(system)
    rows = [
        (
            " ".join(f"`{argument}`" for argument in row.arguments),
            row.source,
            *differences(default, observe(system, row.overrides, default)),
        )
        for row in system.rows
    ]
    lines = [
        f"## {system.title}",
        "",
        f"`tfdeblur train --config={system.experiment}`, input {_shape(default.degraded)}.",
        "",
        *_lines(("default", "parameters", "trained", "terms", "gradients"), _whole(default)),
        "",
        *_lines(COLUMNS, rows),
    ]
    for argument, source in system.elsewhere:
        lines += ["", f"No field of the model, but of the data: `{argument}` ({source})."]
    return "\n".join(lines) + "\n"


def differences(default: Facts, other: Facts) -> tuple[str, ...]:
    """Return a row's cells from the parameters on: the parameters, then the differences."""
    change = other.parameters["network"] - default.parameters["network"]
    judges = {name: count for name, count in other.parameters.items() if name != "network"}
    same = judges.items() == {k: v for k, v in default.parameters.items() if k != "network"}.items()
    return (
        f"{other.parameters['network']:,}",
        f"{change:+,}".replace("-", "−") if change else "",
        "" if same else "; ".join(f"{k} {v:,}" for k, v in judges.items()) or "none",
        _output(default, other),
        _by_phase(default, other, _terms),
        _by_phase(default, other, _gradients),
        _values(default, other),
    )


def _lines(columns, rows) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)]


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:]))


def _whole(facts: Facts):
    """Yield the default's rows, one for each network in each phase."""
    for start in sorted(facts.phases):
        for name, each in facts.phases[start].items():
            missing = _list(facts.groups[name] - each.reached)
            reached = f"all but {missing}" if missing else "all"
            when = f"from step {start:,}" if len(facts.phases) > 1 else "always"
            weighed = ", ".join(f"{each.weights[term]:g} {term}" for term in each.weights)
            yield name, f"{facts.parameters[name]:,}", when, weighed, reached


def _output(default: Facts, other: Facts) -> str:
    shapes = {name: _shape(shape) for name, shape in other.outputs.items()}
    usual = {name: _shape(shape) for name, shape in default.outputs.items()}
    signs = [f"{name} {shapes[name]}" for name in shapes if shapes[name] != usual.get(name)]
    signs += [f"− {name}" for name in usual if name not in shapes]
    if other.degraded != default.degraded:
        signs.insert(0, f"from {_shape(other.degraded)}")
    return "; ".join(signs)


def _by_phase(default: Facts, other: Facts, compare) -> str:
    """Compare from each step at which either enters a phase; merge equal results."""
    steps = sorted({*default.phases, *other.phases})
    texts = [(step, compare(default, other, step)) for step in steps]
    parts = [next(group) for _, group in itertools.groupby(texts, key=lambda each: each[1])]
    if len(parts) == 1:
        return parts[0][1]
    return "; ".join(f"from step {step:,}: {text or 'as default'}" for step, text in parts)


def _pairs(default: Facts, other: Facts, step: int):
    """Yield name, the default's objective and the other's; empty if there is none."""
    nothing = Objective({}, {}, frozenset())
    before, after = default.at(step), other.at(step)
    for name in {**before, **after}:
        yield name, before.get(name, nothing), after.get(name, nothing)


def _terms(default: Facts, other: Facts, step: int) -> str:
    found = []
    for name, before, after in _pairs(default, other, step):
        signs = [f"− {term}" for term in before.weights if term not in after.weights]
        signs += [
            f"+ {weight:g} {term}"
            for term, weight in after.weights.items()
            if term not in before.weights
        ]
        signs += [
            f"{term} {before.weights[term]:g} → {weight:g}"
            for term, weight in after.weights.items()
            if before.weights.get(term, weight) != weight
        ]
        if signs:
            found.append(f"{_prefix(name)}{', '.join(signs)}")
    return "; ".join(found)


def _gradients(default: Facts, other: Facts, step: int) -> str:
    found = []
    for name, before, after in _pairs(default, other, step):
        lost = before.reached - after.reached
        gone = lost - other.groups.get(name, frozenset())
        if name not in other.groups:
            found.append(f"{_prefix(name)}gone")
            continue
        if name not in default.groups or not before.weights:
            found.append(f"{_prefix(name)}+ {_list(after.reached)}")
            continue
        signs = [f"− {_list(lost - gone)}"] if lost - gone else []
        signs += [f"gone: {_list(gone)}"] if gone else []
        gained = after.reached - before.reached
        signs += [f"+ {_list(gained)}"] if gained else []
        if signs:
            found.append(f"{_prefix(name)}{', '.join(signs)}")
    return "; ".join(found)


def _values(default: Facts, other: Facts) -> str:
    if default.shapes != other.shapes:
        return "other weights"
    if default.restored.shape != other.restored.shape:
        return "other images"
    same = np.allclose(default.restored, other.restored, atol=1e-5)
    found = [] if same else ["restored"]
    last = max(*default.phases, *other.phases)
    for name, before, after in _pairs(default, other, last):
        found += [
            f"{_prefix(name)}{term}"
            for term, mean in after.means.items()
            if not np.isclose(mean, before.means.get(term, mean), rtol=1e-5)
        ]
    return ", ".join(found)


def _prefix(name: str) -> str:
    return "" if name == "network" else f"{name}: "


def _list(groups) -> str:
    return ", ".join(sorted(groups))
