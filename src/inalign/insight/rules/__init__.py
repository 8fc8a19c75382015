"""The rules that classify the sources of a domain."""
