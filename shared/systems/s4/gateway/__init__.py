"""The wire to SAP Gateway: logon, CSRF tokens, batches, and what its errors mean."""
