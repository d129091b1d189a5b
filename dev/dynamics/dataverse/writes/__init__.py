"""Writing: payloads in, rows and happenings out."""
