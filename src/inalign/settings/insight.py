"""The settings of judging report data."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field


class InsightSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How report data is judged: who sends as us, and what to do next (docs/insight.md)."""

    maps: Annotated[
        list[str],
        Meta(
            description="Maps of senders of your own, TOML or CSV, which go before the one that comes with Inalign. "
            "Relative paths begin where this file is."
        ),
    ] = field(default_factory=list)
    look_up: Annotated[
        bool,
        Meta(
            description="Ask DNS what a judged domain publishes, once a day, unless it was given by "
            "`inalign ingest --zone`. Without either no domain is called ready."
        ),
    ] = True
    dnsbl: Annotated[
        list[str],
        Meta(
            max_length=10,
            description="DNS lists (DNSBL, RFC 5782) that Inalign queries in the background about addresses of which "
            "nothing passes, such as zen.spamhaus.org. The operator of a list learns these addresses, and has terms "
            "of use. Empty: none.",
        ),
    ] = field(default_factory=list)
    background: Annotated[
        bool,
        Meta(
            description="Judge domains in the background, in a process of its own, when something changed. Else they "
            "are judged when somebody asks; enough for a host that only takes mail in."
        ),
    ] = True
    language: Annotated[
        Literal["", "en", "ja"],
        Meta(description="Of sentences in tables; empty: as LC_ALL, LC_MESSAGES or LANG say, else English."),
    ] = ""
