"""Inalign: e-mail authentication with SPF, DKIM, ARC and DMARC."""

__version__ = "0.1.0"
