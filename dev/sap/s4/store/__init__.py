"""What the system holds: rows with transactions and number ranges, its customising, and the data it starts with."""
