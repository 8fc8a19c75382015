"""The use cases, short and linear; read first: what happens to a message, in the order in which it happens."""
