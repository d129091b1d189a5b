"""What only a simulator has: fault switches, the event sender, the request log, a person at the GUI."""
