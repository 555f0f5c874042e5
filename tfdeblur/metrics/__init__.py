"""Image quality measures under named protocols."""
