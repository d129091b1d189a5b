"""What the organisation knows about its tables: read from data, served as metadata."""
