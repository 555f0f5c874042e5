"""Blur kernels and banks of them, motion flow, rendered pages, and the papers' recipes."""
