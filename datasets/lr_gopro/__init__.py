"""GOPRO's frames, reduced four times: see README.md."""
