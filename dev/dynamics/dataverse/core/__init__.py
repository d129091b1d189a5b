"""What everything here stands on: values, refusals, settings and the organisation itself."""
