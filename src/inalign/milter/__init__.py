"""The milter protocol, version 6, as bytes and events: no socket, no clock, no filter logic."""
