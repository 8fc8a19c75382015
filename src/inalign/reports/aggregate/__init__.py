"""Aggregate reports (RFC 9990, RFC 7489 appendix C): from XML to typed records."""
