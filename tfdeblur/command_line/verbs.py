"""The verbs of a command line: one word or two, such as `data build`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tfdeblur

HELP = ("--help", "-help", "-h", "--helpshort", "-helpshort", "--helpfull", "-helpfull")


@dataclass(frozen=True)
class Verb:
    """A tool behind the console command.

    Attributes:
      module: its file in tools/.
      summary: its line in the list of verbs.
      modules: modules it needs beyond the light install; the extra `train` has them.
    """

    module: str
    summary: str
    modules: tuple[str, ...] = ()


Verbs = Mapping[str, Verb]


def split_verb(verbs: Verbs, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Split a command line into its verb, two words if such a verb exists, and the rest."""
    words = 2 if " ".join(arguments[:2]) in verbs else 1
    return " ".join(arguments[:words]), list(arguments[words:])


def overview(verbs: Verbs) -> str:
    """Return the help of the command itself: what it is for, and the verbs."""
    return (
        f"tfdeblur {tfdeblur.__version__}: sharper and larger pictures of text.\n\n"
        f"  tfdeblur VERB [ARGUMENTS]\n\n{table(verbs)}\n\n`tfdeblur VERB --help` explains a verb."
    )


def table(verbs: Verbs) -> str:
    """Return a line for each verb."""
    return "\n".join(f"  {name:16}{verb.summary}" for name, verb in verbs.items())
