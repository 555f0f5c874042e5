"""What the rest of the package reads from a paper's config, and checks that its fields share."""

import abc
from collections.abc import Iterable, Mapping
from typing import Any

from tfdeblur.models.base import RestorationModel
from tfdeblur.stack import keras


class ModelConfig(abc.ABC):
    """Base of every paper's config, a mutable dataclass whose fields are the paper's switches.

    What is not abstract has the value of most networks. A field of the dataclass may take a
    property's place.
    """

    name: str
    channels: int

    @property
    @abc.abstractmethod
    def scale(self) -> int:
        """How many times larger the restored image is."""

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

        None: the whole image (statistics over it, as of an instance norm).
        """

    @property
    def receptive_field(self) -> int | None:
        """Side, in degraded pixels, of what a restored pixel depends on through convolutions.

        Norms may see more, see `halo`. None: the whole image.
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
        """Side of the square images that alone the network takes; None: any legal size."""
        return None

    @property
    def minimum_batch_size(self) -> int:
        """Smallest batch that the objective is defined on."""
        return 1

    @property
    def target_size(self) -> int | None:
        """Side of the targets that the objective is defined on; None: any."""
        return None

    @property
    def classes(self) -> int:
        """Classes of pairs that the objective tells apart; 1: none, whatever the data has."""
        return 1

    @property
    def discriminator_updates(self) -> int:
        """Updates of the discriminators for one of the generator (n_critic): batches in a step."""
        return 1

    @property
    def standing_still(self) -> tuple[str, ...]:
        """Ends of the names of weights that the first phase leaves alone by design."""
        return ()

    @abc.abstractmethod
    def validate(self) -> None:
        """Raise ValueError for a field outside its range."""

    @abc.abstractmethod
    def build_generator(self) -> keras.Model:
        """Build the network that is exported."""

    @abc.abstractmethod
    def build(self) -> RestorationModel:
        """Build the trainable model: generator, discriminators, objective."""


def require_choices(config: ModelConfig, choices: Mapping[str, Iterable[Any]]) -> None:
    """Raise ValueError that names the first field whose value is none of its choices."""
    for field, values in choices.items():
        value, legal = getattr(config, field), tuple(values)
        if value not in legal:
            raise ValueError(f"`{field}` must be one of {legal}. Got: {value!r}.")


def require_at_least(config: ModelConfig, least: int, *fields: str) -> None:
    """Raise ValueError that names the first field that is below `least`."""
    for field in fields:
        value = getattr(config, field)
        if value < least:
            raise ValueError(f"`{field}` must be at least {least}. Got: {value}.")


def require_weights(config: ModelConfig, *fields: str) -> None:
    """Raise ValueError that names the first field that is negative, infinite or NaN."""
    for field in fields:
        value = getattr(config, field)
        if not 0 <= value < float("inf"):
            raise ValueError(f"`{field}` must be at least 0 and finite. Got: {value}.")
