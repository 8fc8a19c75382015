"""What the records tell of one address that sends in the name of a domain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeVar

import msgspec
from msgspec import Struct

from inalign.store.counts import PASSES, SUMS_OF_RECORDS, sum_where
from inalign.store.engine.interface import Engine, Parameter
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.view import typed_rows
from inalign.store.time_zone import zone_of

MAX_NAMES = 100
"""Of each kind that are told: the largest."""
MAX_REPORTS = 50
"""The newest that it stands in."""
R = TypeVar("R", bound=Struct)


class NameRow(Struct, frozen=True):
    """The messages of the source with one From domain."""

    name: str
    messages: int
    passed: int


class IdentityRow(Struct, frozen=True):
    """What DKIM or SPF said of a name."""

    name: str
    detail: str
    """The selector, or what SPF was asked about: mfrom or helo."""
    result: str
    messages: int


class ReasonRow(Struct, frozen=True):
    """Why reporters did not do what the policy asks."""

    type: str
    comment: str
    messages: int


class ReporterOfRow(Struct, frozen=True):
    """The messages of the source that one reporter sent reports about."""

    reporter: str
    messages: int
    passed: int
    none: int
    quarantine: int
    reject: int
    last_day: date


class DayOfRow(Struct, frozen=True):
    """A day of it."""

    day: date
    messages: int
    passed: int
    none: int
    quarantine: int
    reject: int


class ReportOfRow(Struct, frozen=True):
    """A report that it stands in."""

    report_key: str
    reporter: str
    day: date
    messages: int
    passed: int


class SourceDetailAnswer(Struct, frozen=True):
    """The rows of the page of one source."""

    header_from: tuple[NameRow, ...]
    dkim: tuple[IdentityRow, ...]
    spf: tuple[IdentityRow, ...]
    reasons: tuple[ReasonRow, ...]
    reporters: tuple[ReporterOfRow, ...]
    days: tuple[DayOfRow, ...]
    reports: tuple[ReportOfRow, ...]


class _Lists(Struct, frozen=True, gc=False):
    list: str
    messages: int


def source_rows_of(engine: Engine, filters: Filters) -> SourceDetailAnswer:
    """Of the address `filters.source`. Raises `ParseError`, and what the engine raises."""
    where, parameters = condition(filters)
    of = f"FROM records AS t WHERE {where}"
    zone = zone_of(filters.zone)
    number = zone.number("t.slot", filters.since, filters.until)

    def rows(kind: type[R], columns: str, group: str, order: str, limit: int = MAX_NAMES) -> tuple[R, ...]:
        sql = f"SELECT {columns} {of} GROUP BY {group} ORDER BY {order} LIMIT {limit:d}"
        return tuple(typed_rows(engine.query(sql, parameters), kind, zone))

    passed = f"{sum_where(PASSES)} AS passed"
    named = f"t.header_from AS name, sum(t.count) AS messages, {passed}"
    in_report = f"t.report_key AS report_key, t.reporter AS reporter, t.slot AS day, sum(t.count) AS messages, {passed}"
    return SourceDetailAnswer(
        rows(NameRow, named, "t.header_from", "messages DESC, name"),
        _identities(engine, of, parameters, "dkim"),
        _identities(engine, of, parameters, "spf"),
        _reasons(engine, of, parameters),
        rows(
            ReporterOfRow,
            f"t.reporter AS reporter, {SUMS_OF_RECORDS}, max(t.slot) AS last_day",
            "t.reporter",
            "messages DESC, reporter",
        ),
        rows(DayOfRow, f"min(t.slot) AS day, {SUMS_OF_RECORDS}", number, "day", 1_000),
        rows(ReportOfRow, in_report, "t.report_key, t.reporter, t.slot", "day DESC, report_key", MAX_REPORTS),
    )


def _lists(engine: Engine, of: str, parameters: Mapping[str, Parameter], column: str) -> list[_Lists]:
    sql = f"SELECT t.{column} AS list, sum(t.count) AS messages {of} GROUP BY t.{column}"
    return typed_rows(engine.query(sql, parameters), _Lists, zone_of("UTC"))


def _identities(engine: Engine, of: str, parameters: Mapping[str, Parameter], column: str) -> tuple[IdentityRow, ...]:
    """Messages by each name and result; a message with two signatures is in both."""
    sums: dict[tuple[str, str, str], int] = {}
    for row in _lists(engine, of, parameters, column):
        for each in dict.fromkeys(msgspec.json.decode(row.list or "[]", type=list[tuple[str, str, str]])):
            sums[each] = sums.get(each, 0) + row.messages
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return tuple(IdentityRow(*key, messages) for key, messages in ordered[:MAX_NAMES])


def _reasons(engine: Engine, of: str, parameters: Mapping[str, Parameter]) -> tuple[ReasonRow, ...]:
    sums: dict[tuple[str, str], int] = {}
    for row in _lists(engine, of, parameters, "reasons"):
        for each in dict.fromkeys(msgspec.json.decode(row.list or "[]", type=list[tuple[str, str]])):
            sums[each] = sums.get(each, 0) + row.messages
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ReasonRow(*key, messages) for key, messages in ordered[:MAX_NAMES])
