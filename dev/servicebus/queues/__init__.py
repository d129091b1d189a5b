"""What a queue does with messages, and where they are kept. Knows time only as a clock it is given, and no wire."""
