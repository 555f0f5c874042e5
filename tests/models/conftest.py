"""Every test of a paper builds its model."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _quick(quick_layers):
    pass
