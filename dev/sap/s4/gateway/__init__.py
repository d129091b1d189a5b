"""The protocol: logon, CSRF, single operations, batches, and the form of every answer."""
