"""Two-way sync between Dynamics 365 and SAP. Start reading at `pipeline.py`."""

__version__ = "0.1.0"  # as in pyproject.toml; a test holds them together
