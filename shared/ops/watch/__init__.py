"""What an operator can see: pairs, correlations, health, gauges, the weekly report."""
