"""A user's own degraded and sharp images: see README.md."""
