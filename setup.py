"""Package metadata of tfdeblur.

The base install restores images with LiteRT and is light; everything that needs TensorFlow is an
extra. Folders beside `tfdeblur/` are installed under names of their own (`datasets/` becomes
`tfdeblur_datasets`), because a top-level `datasets`, `tools` or `configs` would shadow others.
"""

import re
from pathlib import Path

from setuptools import find_namespace_packages, find_packages, setup

ROOT = Path(__file__).resolve().parent

RENAMED = {
    "tfdeblur_datasets": "datasets",
    "tfdeblur_tools": "tools",
    "tfdeblur_configs": "configs",
    "tfdeblur_models": "saved_models",
}

# Two stacks: TensorFlow 2.15, the last one that TensorFlow Addons works with, has no wheels for
# Python 3.12. `tfdeblur/stack.py` draws the same line. TensorFlow 2.22 is untried.
FIRST, SECOND = "; python_version < '3.12'", "; python_version >= '3.12'"
SECOND_TENSORFLOW = ">=2.21,<2.22"

TRAIN = [
    f"tensorflow==2.15.1{FIRST}",
    f"keras==2.15.0{FIRST}",
    f"tensorflow-addons==0.23.0{FIRST}",
    f"tensorflow-metadata<1.16{FIRST}",
    f"setuptools<81{FIRST}",  # TensorBoard 2.15 imports pkg_resources
    f"tensorflow{SECOND_TENSORFLOW}{SECOND}",
    f"tf-keras{SECOND_TENSORFLOW}{SECOND}",
    f"tensorboard>=2.20{SECOND}",
    "tensorflow-datasets>=4.9,<4.10",
    "ml_collections>=1.0,<2",
    "scipy>=1.15",  # draws spline kernels
    "opencv-python-headless<5",  # OpenCV 5 turns pages otherwise, by up to 3 levels
    "importlib_resources>=5",  # imported by tensorflow-datasets' builders, which do not say so
]

EXTRAS = {
    "train": TRAIN,
    "gpu": [
        *TRAIN,
        f"tensorflow[and-cuda]==2.15.1{FIRST}",
        f"tensorflow[and-cuda]{SECOND_TENSORFLOW}{SECOND}",
    ],
    "beam": [*TRAIN, "apache-beam>=2.60"],
    "faces": [*TRAIN, "mtcnn>=1,<2"],
    "serving": [
        *TRAIN,
        f"tensorflow-serving-api==2.15.1{FIRST}",
        f"tensorflow-serving-api{SECOND_TENSORFLOW}{SECOND}",
    ],
    "ocr": [
        "rapidfuzz>=3",
        "rapidocr>=3.10,<4",  # its wheel holds the models
        "onnxruntime>=1.23",  # one of the engines that rapidocr can use, and does not require
    ],
    "demo": ["gradio>=6,<7"],
    "dev": [
        "build>=1.2",
        "dill>=0.3.8",  # imported by tensorflow_datasets.testing
        "mypy>=1.11",
        "pytest>=8",
        "pytest-xdist>=3.6",
        "ruff>=0.6",
        "scikit-image>=0.24",  # the tests' second opinion on SSIM
        f"setuptools>=70.1,<81{FIRST}",  # the wheel test builds without isolation
        f"setuptools>=70.1{SECOND}",
    ],
}


def version() -> str:
    """Read `__version__` from the source, without importing the package."""
    text = (ROOT / "tfdeblur" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE)
    if found is None:
        raise RuntimeError('tfdeblur/__init__.py must hold a line `__version__ = "..."`.')
    return found.group(1)


def packages() -> list[str]:
    """Name every package: `tfdeblur.*`, and the four folders that are installed renamed."""
    names = find_packages(include=["tfdeblur", "tfdeblur.*"])
    for name, folder in RENAMED.items():
        inner = [] if name == "tfdeblur_models" else find_namespace_packages(folder)
        names += [name, *(f"{name}.{part}" for part in inner if "__pycache__" not in part)]
    return names


setup(
    name="tfdeblur",
    version=version(),
    description="Super-resolution and deblurring of text and faces with TensorFlow and LiteRT",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The tfdeblur authors",
    keywords="deblurring super-resolution image-restoration tensorflow tflite",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    python_requires=">=3.10",
    install_requires=[
        "absl-py>=2",
        "Jinja2>=3.1",
        "ai-edge-litert>=2",
        "numpy>=1.26",
        "opencv-python-headless>=4.8",
        "Pillow>=10.3",
        "tqdm>=4.66",
    ],
    extras_require=EXTRAS,
    package_dir=RENAMED,
    packages=packages(),
    package_data={
        "tfdeblur.degradations": ["page_sources/**/*"],
        "tfdeblur.evaluation": ["tables/**/*"],
        "tfdeblur.reporting": ["page.html.jinja"],
        "tfdeblur_datasets": ["**/*"],
        "tfdeblur_models": ["**/*"],
    },
    exclude_package_data={"": ["__pycache__/*", "*.pyc"]},
    include_package_data=False,
    zip_safe=False,
    entry_points={"console_scripts": ["tfdeblur = tfdeblur_tools.main:main"]},
)
