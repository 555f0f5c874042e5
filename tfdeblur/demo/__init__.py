"""The quickstart for newcomers."""
