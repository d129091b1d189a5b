"""Initial load and selection: many records, chosen by a person, through the one pipeline, out of the way of events."""
