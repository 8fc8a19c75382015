"""The settings: one module a table, and the reader of the TOML file."""
