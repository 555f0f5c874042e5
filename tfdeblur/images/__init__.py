"""Photographs as arrays: files, resizing and tensors."""
