"""The parts of the decision: which line is which, how rows stand, what to write, what was learned. Pure."""
