"""Log to standard error what a user should see."""

import io
import logging as python_logging
import sys
import warnings

from absl import flags, logging


def start_logging() -> None:
    """Log like absl programs: to standard error, at INFO and above unless --verbosity is set."""
    if flags.FLAGS["verbosity"].using_default_value:
        flags.FLAGS.verbosity = 0
    if flags.FLAGS.verbosity <= 0:  # TensorFlow logs each of its collectives.
        python_logging.getLogger("tensorflow").setLevel(python_logging.WARNING)
    if not any(isinstance(each, logging.ABSLHandler) for each in python_logging.root.handlers):
        logging.use_absl_handler()
    logging.get_absl_handler().addFilter(_leave_out_chatter)


def _leave_out_chatter(record: python_logging.LogRecord) -> bool:
    """Tell whether a message is for the user; TFDS logs the folders it opens."""
    chatter = "tensorflow_datasets" in record.pathname and record.levelno < python_logging.ERROR
    return not chatter or flags.FLAGS.verbosity > 0


def prepare_terminal() -> None:
    """Keep names that a terminal cannot show, and libraries' warnings, from doing harm.

    The former are escaped. The latter name no file: what matters for a picture is checked where it
    is read, and said with its name.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"PIL\.")
