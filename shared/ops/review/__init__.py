"""What needs a person: the parked list, replay and discard, choices, dead letters, pauses."""
