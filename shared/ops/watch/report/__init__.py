"""The weekly integration health report: what the state knows of each flow, kept for twelve weeks, shown as a page."""
