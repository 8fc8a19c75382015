"""The life cycle of DKIM keys: creation, publication in DNS, rotation and revocation."""
