"""Reading: query options in, JSON rows out."""
