"""The settings of the reports for people that are sent by themselves."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field


class SummarySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weekly or monthly report for people, sent as mail; there may be any number (docs/summary.md)."""

    to: Annotated[
        list[str],
        Meta(description="Who gets it, each by a mail of his own. Required."),
    ] = field(default_factory=list)
    domains: Annotated[list[str], Meta(description="What it is about. Empty: all domains, worst first.")] = field(
        default_factory=list
    )
    period: Annotated[
        Literal["weekly", "monthly"],
        Meta(
            description="Monday to Sunday, or a month; sent on the third day after it, in the morning of web.time_zone."
        ),
    ] = "monthly"
    language: Annotated[Literal["en", "ja"], Meta(description="Of the report.")] = "en"
    pdf: Annotated[
        bool, Meta(description="The report as PDF, too: it needs the extra `pdf` and its fonts (docs/summary.md).")
    ] = False
