"""Both stacks have Keras 2; another one is refused in one sentence."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from tfdeblur import stack


def run(code: str) -> subprocess.CompletedProcess:
    """Run code in a process that does not inherit what this one's stack has set."""
    variables = {name: value for name, value in os.environ.items() if "LEGACY_KERAS" not in name}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


def test_keras_is_keras_2_of_tensorflows_release():
    release = tf.__version__.rsplit(".", 1)[0]
    assert release == ("2.15" if stack.HAS_ADDONS else "2.21")
    assert stack.keras.__version__.startswith(f"{release}.")
    assert hasattr(stack.keras.optimizers, "legacy")  # Gone in Keras 3.


def test_tf_keras_is_the_same_keras():
    assert tf.keras.Model is stack.keras.Model


@pytest.mark.parametrize(
    ("tensorflow", "keras"), [("2.15.1", "3.5.0"), ("2.16.2", "2.15.0"), ("2.150.0", "2.15.0")]
)
def test_versions_that_do_not_belong_together(tensorflow, keras):
    stack.check_versions("2.15.1", "2.15", "keras", "2.15.0")
    with pytest.raises(ImportError) as refused:
        stack.check_versions(tensorflow, "2.15", "keras", keras)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert str(refused.value) == (
        f"TensorFlow and keras must both be 2.15 on Python {python}. "
        f"Got: TensorFlow {tensorflow}, keras {keras}."
    )


def test_the_stack_itself_is_light():
    loaded = "sorted({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules))"
    assert run(f"import sys, tfdeblur.stack; print({loaded})").stdout == "[]\n"


def test_it_has_keras_and_nothing_else():
    with pytest.raises(AttributeError, match="no attribute 'theano'"):
        _ = stack.theano


@pytest.mark.skipif(stack.HAS_ADDONS, reason="TensorFlow 2.15 has one Keras only")
@pytest.mark.parametrize("used", [False, True], ids=["imported", "used"])
def test_tensorflow_that_was_there_first(used):
    """`tf.keras` is decided when it is first used: one line if that was before."""
    use = "tf.keras.layers.Dense(1)" if used else "pass"
    code = f"import tensorflow as tf; {use}; from tfdeblur.stack import keras; keras.Model"
    told = [line for line in run(code).stderr.splitlines() if "UserWarning" in line]
    assert len(told) == used
    assert all("`tf.keras` is Keras 3" in line and "TF_USE_LEGACY_KERAS=1" in line for line in told)
