"""Containers of reports: MIME, gzip, zip and tar, unpacked within limits."""
