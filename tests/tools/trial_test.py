"""`tfdeblur trial`: what it prints, and when it fails."""

import pytest
import toy_gan

from tfdeblur.stack import keras
from tfdeblur_tools.main import main

QUICK = ["trial", f"--config={toy_gan.__file__}"]


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    keras.mixed_precision.set_global_policy("float32")


def test_too_little_gain_fails(capsys):
    assert main([*QUICK, "--config.train.steps=1", "--config.model.width=4"]) == 1
    output, error = capsys.readouterr()
    assert "overridden: train.steps=1\noverridden: model.width=4\n" in output
    assert "1 steps: " in output and " over the baseline." in output
    assert "the pairs must gain 3.0 dB. Got: -" in error


def test_fresh_pairs(capsys):
    assert main([*QUICK, "--fresh", "--config.train.steps=2", "--config.model.width=4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 steps, every term and weight finite."
    assert any(line.startswith("cross_entropy: ") and " to " in line for line in lines)
