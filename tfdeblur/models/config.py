"""The interface of a paper's config."""

import abc

from tfdeblur.models.base import RestorationModel
from tfdeblur.rules import check_fields
from tfdeblur.stack import keras


class ModelConfig(abc.ABC):
    """Base of every paper's config, a mutable dataclass whose fields are the paper's switches.

    Properties that are not abstract default to the value that most networks have. A dataclass field
    may replace a property.
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
