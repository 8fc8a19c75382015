"""Writes reports and evaluation records as rows into the store."""
