"""Rules of fields: what holds, what does not, what the errors say."""

from dataclasses import dataclass

import numpy as np
import pytest

from tfdeblur.rules import (
    at_least,
    between,
    check_fields,
    fraction,
    non_negative,
    one_of,
    positive,
    ruled,
)


@dataclass
class Config:
    name: str = "any"
    width: int = at_least(1, default=64)
    layer: int = between(1, 4, default=2)
    norm: str = one_of(("bn", "in"), default="bn")
    rate: float = positive(default=2e-4)
    weight: float = non_negative(default=0.0)
    decay: float = fraction(default=0.5)
    even: int = ruled("a multiple of 2", lambda value: value % 2 == 0, default=4)
    flip: bool = False
    steps: tuple[int, ...] = ()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"width": 1, "layer": 4, "norm": "in", "rate": 1, "weight": 0, "decay": 0, "even": 0},
        {"width": np.int64(3), "rate": np.float32(0.5), "flip": True, "steps": [1]},
    ],
)
def test_legal_values(fields):
    check_fields(Config(**fields))
    assert Config.width == 64, "a rule leaves the default where it was"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 0, "`part.width` must be at least 1. Got: 0."),
        ("width", True, "`part.width` must be an integer. Got: True."),
        ("width", 2.0, "`part.width` must be an integer. Got: 2.0."),
        ("layer", 5, "`part.layer` must be 1 to 4. Got: 5."),
        ("norm", "gn", "`part.norm` must be one of ('bn', 'in'). Got: 'gn'."),
        ("norm", None, "`part.norm` must be text. Got: None."),
        ("rate", 0.0, "`part.rate` must be positive and finite. Got: 0.0."),
        ("rate", float("nan"), "`part.rate` must be positive and finite. Got: nan."),
        ("rate", "1e-4", "`part.rate` must be a number. Got: '1e-4'."),
        ("weight", float("inf"), "`part.weight` must be at least 0 and finite. Got: inf."),
        ("weight", False, "`part.weight` must be a number. Got: False."),
        ("decay", 1.0, "`part.decay` must be at least 0 and below 1. Got: 1.0."),
        ("even", 3, "`part.even` must be a multiple of 2. Got: 3."),
        ("flip", 1, "`part.flip` must be True or False. Got: 1."),
    ],
)
def test_errors_name_the_field_the_rule_and_the_value(field, value, message):
    with pytest.raises(ValueError) as caught:
        check_fields(Config(**{field: value}), "part.")
    assert str(caught.value) == message
