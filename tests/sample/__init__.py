"""The made-up set of reports."""
