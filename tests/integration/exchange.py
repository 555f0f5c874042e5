"""A program: make a run, its export and records on this stack, or take over those of another.

  python exchange.py make FOLDER
  python exchange.py take FOLDER

`make` trains two narrow models for two steps: SCGAN, with its discriminator and batch norms, and
WRFN, with instance norms. `take` fails unless everything that `make` wrote works here.
"""

import sys
from pathlib import Path
from unittest import mock

import numpy as np

from tfdeblur.data.pipeline import make_batches
from tfdeblur.images.files import write_image
from tfdeblur.inference.restorer import Restorer
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.stack import keras
from tfdeblur.training.experiment import DataConfig, ExperimentConfig, TrainConfig, load_trained
from tfdeblur.training.initialise import initialise
from tfdeblur.training.release import release
from tfdeblur.training.runtime import RuntimeConfig
from tfdeblur.training.train import train
from tfdeblur_tools.main import main

MODELS = {"scgan": SCGANConfig(width=4), "wrfn": WRFNConfig(width=4, blocks=1)}
RECORDS = "blurred_text/x4_count4"
TOLERANCE = 1e-5  # Of a restored image in [0, 1], with the same weights on either stack.


def experiment(name: str, steps: int) -> ExperimentConfig:
    """Return a model's experiment on pairs that are drawn as they are needed."""
    recipe = "scgan_text" if name == "scgan" else name
    return ExperimentConfig(
        name=name,
        model=MODELS[name],
        data=DataConfig(recipe=recipe, patch_size=64),
        train=TrainConfig(steps=steps, batch_size=2, checkpoint_every=2, validation_count=2),
        runtime=RuntimeConfig(precision="float32"),
    )


def image(channels: int) -> np.ndarray:
    """Return one image `[1, 20, 30, channels]` float32 in [0, 1]."""
    return np.random.default_rng(5).random((1, 20, 30, channels), np.float32)


def restored(run: Path) -> np.ndarray:
    """Restore `image` with the network of a run."""
    trained = load_trained(run, "latest")
    return trained.generator(image(trained.model_config.channels)).numpy()


def eager_steps():
    """Run the steps of `fit` as Python."""
    return mock.patch.object(keras.Model, "run_eagerly", property(lambda _: True, lambda *_: None))


def make(folder: Path) -> None:
    """Write runs/, exported/, restored/ and prepared/ below an empty folder."""
    rng = np.random.default_rng(5)
    pages = [rng.integers(0, 256, (64, 48 + number, 3), np.uint8) for number in range(10)]
    for number, page in enumerate(pages):
        write_image(folder / "pages" / f"{number}.png", page)
    for name in MODELS:
        run = folder / "runs" / name
        train(experiment(name, steps=2), run)
        release(run, folder / "exported" / name, images=folder / "pages")
        (folder / "restored").mkdir(exist_ok=True)
        np.savez_compressed(
            folder / "restored" / name,
            float=restored(run),
            page=pages[0],
            restored=Restorer.load(folder / "exported" / name, "litert").restore(pages[0]),
        )
    build = ["data", "build", "blurred_text/x4", "--count=4"]
    assert main([*build, f"--data_dir={folder / 'prepared'}"]) == 0


def take(folder: Path) -> None:
    """Check all that `make` wrote: restore, start from it, resume it, read it."""
    for name in MODELS:
        run, version = folder / "runs" / name, folder / "exported" / name / "1"
        there = np.load(folder / "restored" / f"{name}.npz")
        np.testing.assert_allclose(restored(run), there["float"], atol=TOLERANCE)
        for runtime in ("litert", "saved_model"):
            here = Restorer.load(version, runtime).restore(there["page"])
            assert np.abs(here.astype(int) - there["restored"]).max() <= 1, runtime
        initialise(MODELS[name].build(), str(version))
        with eager_steps():  # What is resumed does not depend on graphs, which take long to make.
            assert train(experiment(name, steps=3), run)["step"] == 3
    data = DataConfig(source="prepared", name=RECORDS, data_dir=str(folder / "prepared"))
    batch = next(iter(make_batches(data, split="train", batch_size=2, seed=0)))
    assert {key: tuple(images.shape) for key, images in batch.items()} == {
        "degraded": (2, 16, 16, 3),
        "target": (2, 64, 64, 3),
    }


if __name__ == "__main__":
    {"make": make, "take": take}[sys.argv[1]](Path(sys.argv[2]))
