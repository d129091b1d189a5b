"""The nightly reconcile: keys and versions of both sides against the links, bodies only where they differ."""
