"""What `import tfdeblur` promises: its names, and when they load something."""

import subprocess
import sys

import pytest

import tfdeblur
from tfdeblur.extras import install_command

CONFIGS = {"EnhanceUnetConfig", "GFNConfig", "SCGANConfig", "TwoBranchConfig", "WRFNConfig"}
NAMES = {"Restorer", "restore", "__version__", *CONFIGS}


def test_these_names_are_public():
    assert set(tfdeblur.__all__) == set(dir(tfdeblur)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_a_name_is_the_thing_itself(name):
    thing = getattr(tfdeblur, name)
    assert thing.__name__ == name
    assert getattr(tfdeblur, name) is thing


def test_other_names_are_missing():
    assert not hasattr(tfdeblur, "Sharpener")
    with pytest.raises(ImportError, match="cannot import name 'Sharpener' from 'tfdeblur'"):
        from tfdeblur import Sharpener  # noqa: F401


def test_without_tensorflow_images_are_restored_and_configs_name_the_extra():
    """In a process in which TensorFlow cannot be imported."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'tf_keras')))\n"
        "import tfdeblur; assert 'numpy' not in sys.modules\n"
        "from tfdeblur import Restorer, restore\n"
        "assert 'numpy' in sys.modules\n"
        f"for name in {sorted(CONFIGS)!r}:\n"
        "  try:\n"
        "    getattr(tfdeblur, name)\n"
        "  except ModuleNotFoundError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"`tfdeblur.{name}` needs the extra `train` (tensorflow is missing): "
        f"{install_command('train')}"
        for name in sorted(CONFIGS)
    ]
