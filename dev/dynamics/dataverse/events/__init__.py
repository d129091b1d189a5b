"""Telling others: steps, execution contexts and their delivery."""
