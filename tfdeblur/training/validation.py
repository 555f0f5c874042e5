"""The validation of a run: whole pairs, restored by a copy of its generator."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfdeblur.data.pairs import ImagePair
from tfdeblur.data.pipeline import make_validation
from tfdeblur.evaluation.evaluate import make_baseline, score_pairs, summarise
from tfdeblur.evaluation.protocols import make_protocol
from tfdeblur.images.tensors import to_float, to_uint8
from tfdeblur.stack import keras
from tfdeblur.training.experiment import ExperimentConfig
from tfdeblur.training.scalars import Scalars

PICTURES = 4  # Before/after pictures of each validation in TensorBoard.


def make_image_restore(generator: keras.Model, channels: int = 3):
    """Return the generator as a function uint8 `[H, W, 3]` -> uint8 `[scale * H, scale * W, 3]`.

    Args:
      generator: takes and returns `channels` channels.
      channels: 3; or 1 for images of three equal channels: one is restored and stands for all.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
    def restore_batch(images):
        restored = to_uint8(generator(to_float(images[..., :channels]), training=False))
        return tf.repeat(restored, 3 // channels, axis=-1)

    return lambda image: restore_batch(image[None]).numpy()[0]


def _to_rgb(image: np.ndarray) -> np.ndarray:
    """Repeat grey as three equal channels, which score the same as the grey image."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


class Validation:
    """Scores weights on an experiment's validation pairs.

    Attributes:
      generator: a copy, which may hold averages and belongs to no strategy.
    """

    def __init__(self, config: ExperimentConfig, scalars: Scalars):
        """Build the generator and read the pairs; scores are written to `scalars`."""
        self.generator = config.model.build_generator()
        self._restore = make_image_restore(self.generator, config.model.channels)
        self._scale, self._scalars = config.model.scale, scalars
        pairs = make_validation(
            config.data, config.data.validation_split, config.train.validation_count, config.seed
        )
        self._pairs = [ImagePair(id_, *map(_to_rgb, images)) for id_, *images in pairs]

    def score(self, weights: Sequence[np.ndarray], before_image: Callable[[], None]) -> dict:
        """Restore all pairs and return the scores' summary.

        Args:
          weights: of the generator.
          before_image: called before each image; may raise to stop.
        """
        self.generator.set_weights(weights)

        def restore(image: np.ndarray) -> np.ndarray:
            before_image()
            return self._restore(image)

        protocol = make_protocol("rgb", self._scale)
        images = score_pairs(restore, self._pairs, self._scale, protocol)
        return summarise(images, self._scale, protocol)

    def write(self, step: int, summary: dict[str, Any]) -> None:
        """Write the scores and some pictures of what was scored last."""
        scores = {
            f"val_{name}" if system == "restored" else f"val_{name}_{system}": summary[system][name]
            for system in ("baseline", "restored")
            for name in ("psnr", "ssim")
        }
        self._scalars.write("validation", step, scores)
        pictures = map(self._before_after, self._pairs[:PICTURES])
        named = {f"before_after_truth/{index}": picture for index, picture in enumerate(pictures)}
        self._scalars.write_images("validation", step, named)

    def _before_after(self, pair: ImagePair) -> np.ndarray:
        before = make_baseline(pair.degraded, self._scale)
        return np.concatenate([before, self._restore(pair.degraded), pair.target], axis=1)
