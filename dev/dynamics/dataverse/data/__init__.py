"""The rows: kept, versioned, tracked, priced, seeded and, if wanted, written to disk."""
