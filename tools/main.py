"""The program `tfdeblur`: `tfdeblur VERB --help` says more about each verb."""

import sys
from collections.abc import Sequence

from tfdeblur.command_line.dispatch import dispatch
from tfdeblur.command_line.logs import prepare_terminal
from tfdeblur.command_line.verbs import Verb

_TRAIN = ("tensorflow", "tensorflow_datasets", "ml_collections")

VERBS = {
    "restore": Verb("restore", "Restore photographs: files and folders in, sharp ones out."),
    "models": Verb("models", "List the models that come with tfdeblur, or show one's card."),
    "data list": Verb("data_list", "List the data sets that can be built.", _TRAIN),
    "data build": Verb("data_build", "Prepare data for training and evaluation.", _TRAIN),
    "data show": Verb("data_show", "Draw examples of prepared data.", _TRAIN),
    "data check": Verb("data_check", "Find problems in pairs of images."),
    "data kernels": Verb("data_kernels", "Draw, store and show blur kernels."),
    "train": Verb("train", "Train a model, or resume a run.", _TRAIN),
    "trial": Verb("trial", "Try an experiment: does it learn, do its terms stay finite?", _TRAIN),
    "evaluate": Verb("evaluate", "Score a model beside the trivial baseline."),
    "export": Verb("export", "Write a trained model as SavedModel and TFLite.", _TRAIN),
    "benchmark data": Verb("benchmark_data", "Time making or reading training pairs.", _TRAIN),
    "benchmark train": Verb("benchmark_train", "Time training on this machine.", _TRAIN),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tfdeblur ARGUMENTS`, by default those of this process; return the exit code."""
    prepare_terminal()
    return dispatch(VERBS, sys.argv[1:] if argv is None else argv, "tfdeblur_tools")


if __name__ == "__main__":
    sys.exit(main())
