"""All SQL: the analytical store, the spool before it and the control state beside it."""
