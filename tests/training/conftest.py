import pytest


@pytest.fixture
def steps_eagerly():
    """See `toy_gan.eager_steps`."""
    from toy_gan import eager_steps

    with eager_steps():
        yield
