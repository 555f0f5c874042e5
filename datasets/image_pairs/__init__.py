"""Degraded and sharp images of a user's own: see README.md."""
