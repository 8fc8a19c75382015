"""Decides whether the mail that carried a report is genuine."""
