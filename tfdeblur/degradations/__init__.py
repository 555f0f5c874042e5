"""Blur kernels, rendered pages and the papers' degradation recipes."""
