"""OpenDKIM's KeyTable, SigningTable and data sets."""
