"""The HTTP face of the report process: questions as JSON."""
