"""A folder of good pairs, for the tests of `data check`."""

import pytest
from planted_pairs import write_pair


@pytest.fixture
def clean(tmp_path):
    """A folder of four good pairs."""
    for number in range(4):
        write_pair(tmp_path, f"{number}.png", number)
    return tmp_path
