"""Connectors: each system's wire behind the one `System` port, and what they share (http, batch, coalesce)."""
