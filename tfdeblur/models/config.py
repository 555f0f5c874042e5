"""The interface of a paper's config, and batches that fit a model."""

import abc
from typing import cast

import tensorflow as tf

from tfdeblur.images.tensors import Batch
from tfdeblur.models.base import RestorationModel
from tfdeblur.rules import check_fields
from tfdeblur.stack import keras


class ModelConfig(abc.ABC):
    """Base of every paper's config, a mutable dataclass whose fields are the paper's switches.

    Properties that are not abstract default to the value that most networks have. A dataclass field
    or a class constant may replace a property.
    """

    name: str
    channels: int

    @property
    @abc.abstractmethod
    def scale(self) -> int:
        """Enlargement factor of the restored image."""

    @property
    @abc.abstractmethod
    def paper(self) -> str:
        """Authors, venue and year."""

    @property
    @abc.abstractmethod
    def training_size(self) -> int:
        """Side of the degraded images that the paper trains on, in pixels."""

    @property
    @abc.abstractmethod
    def halo(self) -> int | None:
        """Context in degraded pixels, on each side, that one restored pixel depends on.

        None: the whole image (it depends on global statistics, such as an instance norm's).
        """

    @property
    def receptive_field(self) -> int | None:
        """Side, in degraded pixels, of the area that convolutions let a restored pixel see.

        Norms may see more; see `halo`. None: the whole image.
        """
        return None if self.halo is None else 2 * self.halo + 1

    @property
    def size_multiple(self) -> int:
        """Sides of a degraded image must be multiples of this."""
        return 1

    @property
    def minimum_size(self) -> int:
        """Smallest side of a degraded image."""
        return 1

    @property
    def fixed_input_size(self) -> int | None:
        """Side of the only (square) images that the network accepts; None: any legal size."""
        return None

    @property
    def minimum_batch_size(self) -> int:
        """Smallest batch that the objective is defined for."""
        return 1

    @property
    def target_size(self) -> int | None:
        """Side of the targets that the objective is defined for; None: any."""
        return None

    @property
    def classes(self) -> int:
        """Number of pair classes that the objective distinguishes; 1: it ignores classes."""
        return 1

    @property
    def discriminator_updates(self) -> int:
        """Discriminator updates per generator update (n_critic): batches in a step."""
        return 1

    @property
    def unmoved_weights(self) -> tuple[str, ...]:
        """Name suffixes of weights that the first phase does not change, by design."""
        return ()

    def validate(self) -> None:
        """Raise ValueError for a field that breaks its rule, or fields that do not fit together."""
        check_fields(self)

    @abc.abstractmethod
    def build_generator(self) -> keras.Model:
        """Build the network that is exported."""

    @abc.abstractmethod
    def build(self) -> RestorationModel:
        """Build the trainable model: generator, discriminators, objective."""


def legal_side(config: ModelConfig, side: int) -> int:
    """Return the only legal side of a degraded image, or the smallest not below `side`."""
    multiple = config.size_multiple
    return config.fixed_input_size or -(-max(side, config.minimum_size) // multiple) * multiple


def batch_spec(config: ModelConfig, side: int, count: int) -> dict[str, tf.TensorSpec]:
    """Describe a batch with everything that any paper's objective asks for.

    Args:
      config: of the model.
      side: of the degraded images, in pixels.
      count: number of pairs.
    """
    large = config.scale * side
    sides = {"degraded": side, "lr_sharp": side, "target": large, "hr_blurry": large}
    shapes = {name: (each, each, config.channels) for name, each in sides.items()}
    shapes["face_mask"] = (large, large, 1)
    spec = {name: tf.TensorSpec((count, *shape), tf.float32) for name, shape in shapes.items()}
    return {**spec, "class_index": tf.TensorSpec((count,), tf.int32)}


def random_batch(config: ModelConfig, side: int, count: int) -> Batch:
    """Draw the batch that `batch_spec` describes, always the same; classes in equal blocks."""
    batch = {
        name: tf.random.stateless_uniform(spec.shape, seed=(1, number))
        for number, (name, spec) in enumerate(batch_spec(config, side, count).items())
        if spec.dtype == tf.float32
    }
    batch["face_mask"] = tf.round(batch["face_mask"])
    batch["class_index"] = tf.repeat(tf.range(config.classes), count // config.classes)
    return cast(Batch, batch)
