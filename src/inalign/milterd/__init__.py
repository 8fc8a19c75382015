"""The milter server: what the milter protocol needs of an operating system, and the filter behind it."""
