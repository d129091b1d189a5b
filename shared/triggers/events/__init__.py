"""The parsers of what comes in: bytes to the ids of the record that was touched. Pure."""
