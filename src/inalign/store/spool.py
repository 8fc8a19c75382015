"""What was delivered, kept on disk until it is in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from inalign.errors import Error


class SpoolFull(Error):  # noqa: N818 - a state, not a fault
    """The spool has its limit; come again later."""


class SpoolUnavailable(Error):  # noqa: N818 - likewise
    """The disk does not take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing that was handed in."""

    content: bytes
    name: str
    source: str
    received: datetime
    client_ip: str | None = None
    helo: str | None = None
    mail_from: str | None = None
    recipient: str | None = None
