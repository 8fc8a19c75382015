"""The settings of alerts: who is told what changes for the worse. Without a channel nobody is."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from inalign.settings.secret import FORM


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told, one table for each: by mail or by a webhook (docs/alerts.md)."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._-]{0,64}$",
            description="A name of your choice, under which its state and last error are shown. Required.",
        ),
    ] = ""
    mail: Annotated[
        list[str], Meta(description="Addresses that get mail by the server of [mail]. Empty: it is a webhook.")
    ] = field(default_factory=list)
    url: Annotated[
        str,
        Meta(
            pattern=FORM,
            description="Where the address of the webhook is, which is a secret: env:NAME or file:/PATH. Empty: it is "
            "mail.",
        ),
    ] = ""
    form: Annotated[
        Literal["json", "slack", "teams"],
        Meta(description="Of a webhook: json, docs/alerts.md has it; slack, an incoming webhook; teams, a workflow."),
    ] = "json"
    language: Annotated[
        Literal["", "en", "ja"], Meta(description="Of the sentences; empty: as insight.language, else English.")
    ] = ""
    domains: Annotated[
        list[str],
        Meta(
            description="Only what concerns these and the names below them. Empty: everything, also the intake of "
            "reports."
        ),
    ] = field(default_factory=list)


class AlertsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Alerts: incidents are always recorded and shown, and told to those below (docs/alerts.md)."""

    nothing_days: Annotated[
        int, Meta(ge=1, le=30, description="Days without any report, after which that is an incident of its own.")
    ] = 3
    to: Annotated[list[ChannelSettings], Meta(description="Who is told, one table for each. Empty: nobody.")] = field(
        default_factory=list
    )
