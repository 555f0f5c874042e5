"""Compare a model with the trivial baseline under a named protocol."""
