"""Business partner, customer, contact."""
