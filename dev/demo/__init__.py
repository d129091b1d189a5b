"""A day of business on the local cloud: `python -m dev.demo`."""
