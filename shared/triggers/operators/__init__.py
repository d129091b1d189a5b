"""The operators' routes, each guarded by its row in `access/routes.py`."""
