"""Sales order: header, items, prices, status."""
