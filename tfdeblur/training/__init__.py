"""Experiments: configuration, training loop, checkpoints."""
