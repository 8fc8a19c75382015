"""TLS reports (RFC 8460)."""
