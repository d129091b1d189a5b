"""What a call must pass before it is served: token, service protection, injected faults."""
