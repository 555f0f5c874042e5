"""Training batches and evaluation pairs."""
