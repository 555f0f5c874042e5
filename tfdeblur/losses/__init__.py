"""Loss functions that return one value per sample."""
