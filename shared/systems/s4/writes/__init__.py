"""From columns to what is sent: one deep insert for a create, a list of operations for an update."""
