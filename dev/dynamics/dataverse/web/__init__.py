"""The HTTP face: addresses, batches, limits, faults and the /sim switches."""
