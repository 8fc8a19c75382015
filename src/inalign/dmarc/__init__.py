"""DMARC: RFC 9989 (May 2026), reading the records of RFC 7489 as they are found."""
