"""Taking over the configuration of another program: read it by its own manual, write ours, say what has no equal."""
