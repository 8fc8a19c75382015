"""Senders as rows: by class, by sender, by address."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from inalign.insight.result import SourceClass

UNTOLD = ""
"""The class of mail whose address no reporter told in a form that can be read, and of what is judged out of sight."""
LISTED = (
    *(str(each) for each in (SourceClass.OWN, SourceClass.APPROVED, SourceClass.UNKNOWN, SourceClass.SPOOF)),
    *(str(each) for each in (SourceClass.LOW_REPUTATION, SourceClass.FORWARDER, SourceClass.HOSTING)),
    UNTOLD,
)
"""Classes in the order in which they are listed: what the owner can do something about first, what is no fault of his
(forwarders and hosts that everybody has) after it."""


class SenderRow(Struct, frozen=True, rename={"source_class": "class"}):
    """A sender of one class: its addresses together."""

    source_class: str
    sender: str
    service: str
    domain: str
    """Where it sends for one alone."""
    domains: int
    networks: int
    addresses: int
    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date
    trend: tuple[int, ...]
    """Messages of each of the 30 days up to the last day that was asked for, by default of the last 30 complete report
    days (`window`), the oldest first."""


class ClassRow(Struct, frozen=True, rename={"source_class": "class"}):
    """A class, with its largest senders."""

    source_class: str
    senders: int
    addresses: int
    """Those of each sender; an address that is in several counts in each."""
    messages: int
    passed: int
    passed_percent: float
    none: int
    quarantine: int
    reject: int
    top: tuple[SenderRow, ...]


class SenderAddressRow(Struct, frozen=True, rename={"source_class": "class"}):
    """An address of a sender. `network` is the /24 or /64 that it is listed under."""

    domain: str
    source_ip: str
    network: str
    host: str
    """Its reverse name, where it was looked up and leads back."""
    source_class: str
    sender: str
    service: str
    country: str
    as_name: str
    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date
    trend: tuple[int, ...]
