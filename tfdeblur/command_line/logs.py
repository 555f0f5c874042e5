"""Log to standard error what a user should see."""

import logging as python_logging

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
