"""Rules of a configuration's fields, stated beside each field and checked together.

    @dataclass
    class Config:
        width: int = at_least(1, default=64)
        norm: str = one_of(("bn", "in"), default="bn")

`check_fields` also checks the types of integers, numbers, switches and text.
"""

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any

_TYPES: dict[Any, tuple[str, Any]] = {
    int: ("an integer", numbers.Integral),
    float: ("a number", numbers.Real),
    str: ("text", str),
    bool: ("True or False", bool),
}


def ruled(rule: str, holds: Callable[[Any], bool], *, default: Any) -> Any:
    """Return a dataclass field whose value must be `rule`, which `holds` tells."""
    return dataclasses.field(default=default, metadata={"rule": rule, "holds": holds})


def one_of(choices: Iterable[Any], *, default: Any) -> Any:
    """Return a field with one of some values, which its metadata hold as `choices`."""
    legal = tuple(choices)
    metadata = {"rule": f"one of {legal}", "holds": legal.__contains__, "choices": legal}
    return dataclasses.field(default=default, metadata=metadata)


def at_least(least: int, *, default: int) -> Any:
    """Return a field of whole numbers from `least` on."""
    return ruled(f"at least {least}", lambda value: value >= least, default=default)


def between(least: int, most: int, *, default: int) -> Any:
    """Return a field of whole numbers from `least` to `most`."""
    return ruled(f"{least} to {most}", lambda value: least <= value <= most, default=default)


def positive(*, default: float) -> Any:
    """Return a field of finite numbers above 0."""
    return ruled("positive and finite", lambda value: 0 < value < math.inf, default=default)


def non_negative(*, default: float) -> Any:
    """Return a field of finite numbers from 0 on."""
    return ruled("at least 0 and finite", lambda value: 0 <= value < math.inf, default=default)


def fraction(*, default: float) -> Any:
    """Return a field of numbers from 0 on and below 1."""
    return ruled("at least 0 and below 1", lambda value: 0 <= value < 1, default=default)


def check_fields(config: Any, prefix: str = "") -> None:
    """Check each field of a dataclass, in order.

    Args:
      config: an instance.
      prefix: of the fields' names in the error message, such as `train.`.

    Raises:
      ValueError: a field has another type or breaks its rule; names the first.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        rule, holds = field.metadata.get("rule", ""), field.metadata.get("holds", lambda _: True)
        if not _has_type(value, field.type):
            rule = _TYPES[field.type][0]
        elif holds(value):
            continue
        raise ValueError(f"`{prefix}{field.name}` must be {rule}. Got: {value!r}.")


def _has_type(value: Any, kind: Any) -> bool:
    if kind not in _TYPES:
        return True
    return isinstance(value, _TYPES[kind][1]) and (kind is bool or not isinstance(value, bool))
