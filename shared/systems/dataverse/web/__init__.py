"""The wire to one organisation, and what its refusals mean."""
