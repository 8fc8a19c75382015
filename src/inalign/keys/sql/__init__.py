"""Signing keys from SQLite and PostgreSQL."""
