"""The settings of the pages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pages: who sends as us, and what to do next (docs/dashboard.md)."""

    listen: Annotated[
        str,
        Meta(
            description="One address. While there are no users (inalign user add), it must be on loopback, and whoever "
            "is on this host may read. Empty: no pages."
        ),
    ] = "inet:127.0.0.1:8897"
    url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[A-Za-z0-9.:_\[\]-]+/?)?$",
            description="What browsers open, where a proxy with TLS stands in front: https://reports.example.org. No "
            "other host name is answered, and nobody reads without signing in. Empty: the pages are for this host.",
        ),
    ] = ""
    proxies: Annotated[
        list[str],
        Meta(
            description="Addresses and networks of proxies that are believed when they tell, in X-Forwarded-For, whose "
            "request they hand in: for the audit log and the limits on signing in. A UNIX socket counts as 127.0.0.1."
        ),
    ] = msgspec.field(default_factory=list)
    zone: Annotated[
        str,
        Meta(description="The time zone of times, such as Asia/Tokyo; each visitor may choose another."),
    ] = "UTC"
