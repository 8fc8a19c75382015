"""What every question may be narrowed to: domain, span of days, source, reporter; and how far it goes.

One builder makes the conditions, so that nothing is compared in two ways. Values are always parameters. A question
that cannot heed a filter refuses it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from inalign.errors import ParseError
from inalign.store.engine import Parameter

MAX_ROWS = 10_000
"""In one answer; more are had by the cursor."""
MAX_CURSOR = 4_096
"""Characters: the sort keys of one row."""

Text = Annotated[str, Meta(max_length=1_000)]


class Filters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for; empty is everything."""

    domain: Text = ""
    """A domain, and the names below it that have records of their own."""
    since: date | None = None
    until: date | None = None
    """Days, both included; a report belongs to the day of the middle of its span, in UTC."""
    source: Text = ""
    """An address, or a network in CIDR form."""
    reporter: Text = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_ROWS)] = 1_000
    after: Annotated[str, Meta(max_length=MAX_CURSOR)] = ""
    """The cursor of the last answer: rows behind it."""


NARROWING = ("domain", "since", "until", "source", "reporter")


class Condition(Struct, frozen=True):
    """A condition in SQL and its parameters."""

    sql: str
    parameters: Mapping[str, Parameter]


def condition(filters: Filters, *heeded: str) -> Condition:
    """The rows that are meant, by the filters that the question heeds, of `NARROWING`.

    Raises `ParseError` for any other one that is set, and for a source that is neither address nor network.
    """
    for name in NARROWING:
        if name not in heeded and getattr(filters, name):
            raise ParseError(f"{name}: this question cannot be narrowed to that")
    parts, parameters = ["1 = 1"], dict[str, Parameter]()
    if filters.domain:
        domain = filters.domain.lower().rstrip(".")
        # Not LIKE: domain names have underscores, and the engines differ in how these are escaped.
        parts.append("(domain = :domain OR right(domain, :below_length) = :below)")
        parameters |= {"domain": domain, "below": f".{domain}", "below_length": len(domain) + 1}
    if filters.since is not None:
        parts.append("day >= :since")
        parameters["since"] = filters.since
    if filters.until is not None:
        parts.append("day <= :until")
        parameters["until"] = filters.until
    if filters.reporter:
        parts.append("reporter = :reporter")
        parameters["reporter"] = filters.reporter.lower()
    if filters.source:
        sql, more = _source(filters.source)
        parts.append(sql)
        parameters |= more
    return Condition(" AND ".join(parts), parameters)


def _source(text: str) -> tuple[str, Mapping[str, Parameter]]:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ParseError(f"source: {text[:100]!r} is neither an address nor a network") from None
    return "(source_key >= :source_from AND source_key <= :source_to)", {
        "source_from": source_key(str(network[0])),
        "source_to": source_key(str(network[-1])),
    }


def source_key(address: str) -> str:
    """An address as text that sorts as its number does: the version, then hexadecimal digits."""
    number = ip_address(address)
    return f"{number.version}{number.packed.hex()}"


def encode_cursor(keys: Sequence[Parameter]) -> str:
    """The sort keys of the last row as a word that fits a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def decode_cursor(text: str, kinds: tuple[type, ...]) -> list[str | int]:
    """The sort keys again; raises `ParseError` for what is no cursor of this question."""
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        keys = msgspec.json.decode(octets, type=list[str | int])
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise ParseError("after: no cursor of an answer") from None
    if [type(key) for key in keys] != list(kinds):
        raise ParseError("after: a cursor of another question")
    return keys
