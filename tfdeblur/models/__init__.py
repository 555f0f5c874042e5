"""One file per paper, and the training step that they share."""
