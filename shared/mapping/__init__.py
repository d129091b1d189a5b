"""Mappings: YAML rows, checked at load, compiled to a Flow that the core can run."""
