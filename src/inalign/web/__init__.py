"""The HTTP face of the keeper: pages for persons, and questions as JSON."""
