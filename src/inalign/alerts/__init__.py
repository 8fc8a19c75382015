"""Alerts: rules over domains and the intake, incidents, and the messages that report them."""
