"""The HTTP face of the keeper: questions as JSON."""
