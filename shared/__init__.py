"""Two-way sync between Dynamics 365 and SAP. Start reading at `pipeline.py`."""
