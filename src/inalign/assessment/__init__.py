"""Assesses domains from the store and caches the results for pages and commands."""
