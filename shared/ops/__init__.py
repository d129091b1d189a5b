"""What people, events and timers ask for. All of it ends in changes on the bus, or in reading what is known."""
