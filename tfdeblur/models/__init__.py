"""One file per paper, and the training step they share."""
