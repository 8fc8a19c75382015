"""The control state in SQLite: accounts, incidents, overrides, answers of DNS and what was sent."""
