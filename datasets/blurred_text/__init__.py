"""Rendered pages of text, blurred and shrunk: see README.md."""
