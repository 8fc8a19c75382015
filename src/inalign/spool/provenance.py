"""Where a delivery comes from: the one record that goes with it from the intake to the rows of its reports."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Provenance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a delivery apart from its content. A file of the spool begins with it, as a line of JSON."""

    name: str = ""
    """The name of the file; empty for a mail that has none."""
    source: str
    """The name of an intake source of the settings, or `ingest`."""
    received: datetime
    """When the item was received, as an aware time."""
    client_ip: str | None = None
    """The address of the SMTP client, where it is known; SPF can be checked with it."""
    helo: str | None = None
    mail_from: str | None = None
    """The reverse-path without `<>`; empty for a null reverse-path."""
    recipient: str | None = None
