"""Failure reports (RFC 9991, RFC 6591, RFC 5965)."""
