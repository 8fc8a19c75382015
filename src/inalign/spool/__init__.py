"""Files that wait to be loaded into the store: report deliveries, quarantine and evaluation records."""
