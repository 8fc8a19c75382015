"""What talks to the network on our own account: the live resolver, and `run` for programs without an event loop."""
