"""The nouns and the pure rules of the sync."""
