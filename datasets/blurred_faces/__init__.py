"""Photographs of faces, degraded: see README.md."""
