"""Builds each part of the program from the configuration: one module a part."""
