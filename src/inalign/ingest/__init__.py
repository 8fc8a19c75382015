"""Reads report mail and files and writes the reports to the store."""
