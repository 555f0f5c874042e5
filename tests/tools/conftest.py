import pytest

from tfdeblur_tools.main import main


@pytest.fixture
def run(capsys):
    """Run `tfdeblur ARGUMENTS` in this process; returns (exit code, stdout, stderr)."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call
