"""The report process: it owns the store, takes reports in and runs the periodic jobs."""
