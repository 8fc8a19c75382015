"""Sums over aggregate reports: by reporter, domain, From domain, source, network and day.

*Messages* is the sum of `count` over the records that count. What forged reports and conflicts say is in none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

import msgspec
from msgspec import Struct

from inalign.store.columns import COUNTERS
from inalign.store.engine import Engine, Row, typed
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.views import Answer


def share(part: int, whole: int) -> float:
    """A percentage with one digit; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


class ReporterRow(Struct, frozen=True):
    """What one reporter tells."""

    reporter: str
    reports: int
    messages: int
    passed: int
    none: int
    quarantine: int
    reject: int
    passed_percent: float
    none_percent: float
    quarantine_percent: float
    reject_percent: float
    flawed: int
    """Reports in which something was mended."""
    delay_hours: float
    """From the end of a span to the arrival of its report, on average."""
    is_rfc9990: bool
    first_day: str
    last_day: str


def reporters(engine: Engine, filters: Filters) -> Answer:
    """Who reports, most messages first."""
    meant = condition(filters, "domain", "since", "until", "reporter")
    rows = engine.query(
        "SELECT reporter, count(*), sum(messages), sum(passed), sum(none), sum(quarantine), sum(reject),"
        " sum(CASE WHEN flaw_count > 0 THEN 1 ELSE 0 END), avg(received_at - end_at),"
        " max(CASE WHEN is_rfc9990 THEN 1 ELSE 0 END), min(day), max(day)"
        f" FROM reports WHERE kind = 'aggregate' AND is_counted AND {meant.sql}"
        " GROUP BY reporter ORDER BY sum(messages) DESC, reporter LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer([_reporter(row) for row in rows])


def _reporter(row: Row) -> ReporterRow:
    name, reports, *numbers = row
    messages, passed, none, quarantine, reject, flawed = [int(str(number)) for number in numbers[:6]]
    delay, is_new, first, last = numbers[6:]
    return ReporterRow(
        str(name),
        int(str(reports)),
        messages,
        passed,
        none,
        quarantine,
        reject,
        share(passed, messages),
        share(none, messages),
        share(quarantine, messages),
        share(reject, messages),
        flawed,
        round(float(str(delay)) / 3600, 1),
        bool(is_new),
        str(first),
        str(last),
    )


class Sums(Struct, frozen=True, kw_only=True):
    """Messages by what became of them; every percentage is of `messages`. Behind the fields that name a row."""

    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    """Aligned DKIM."""
    spf_percent: float
    none: int
    quarantine: int
    reject: int


_SUMS = ", ".join(f"sum({name})" for name in COUNTERS)


def _sums(counters: Sequence[object]) -> dict[str, int | float]:
    """From the twelve counters of the rollups."""
    numbers = [int(str(counter)) for counter in counters]
    both, dkim, spf, neither = (sum(numbers[start : start + 3]) for start in (0, 3, 6, 9))
    messages = both + dkim + spf + neither
    return {
        "messages": messages,
        "passed": both + dkim + spf,
        "passed_percent": share(both + dkim + spf, messages),
        "dkim_percent": share(both + dkim, messages),
        "spf_percent": share(both + spf, messages),
        "none": sum(numbers[0::3]),
        "quarantine": sum(numbers[1::3]),
        "reject": sum(numbers[2::3]),
    }


class DomainRow(Sums, frozen=True):
    """A domain with a policy that was reported about."""

    domain: str
    reporters: int
    first_day: str
    last_day: str


class SubdomainRow(Sums, frozen=True):
    """A From domain, also one that nobody knows of."""

    domain: str
    header_from: str
    first_day: str
    last_day: str


class DayRow(Sums, frozen=True):
    """A day, in UTC."""

    day: str


S = TypeVar("S", bound=Sums)


def _summed(rows: Sequence[Row], kind: type[S]) -> list[S]:
    """Rows whose first columns are the names of `kind`, and whose others are the counters."""
    names = [name for name in kind.__struct_fields__ if name not in Sums.__struct_fields__]
    return [
        msgspec.convert(
            {
                **{
                    name: str(value) if isinstance(value, date) else value
                    for name, value in zip(names, row, strict=False)
                },
                **_sums(row[len(names) :]),
            },
            kind,
        )
        for row in rows
    ]


def domains(engine: Engine, filters: Filters) -> Answer:
    """Domains, most messages first."""
    meant = condition(filters, "domain", "since", "until", "reporter")
    rows = engine.query(
        f"SELECT domain, count(DISTINCT reporter), min(day), max(day), {_SUMS} FROM rollups WHERE {meant.sql}"
        f" GROUP BY domain ORDER BY sum({' + '.join(COUNTERS)}) DESC, domain LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(_summed(rows, DomainRow))


def subdomains(engine: Engine, filters: Filters) -> Answer:
    """From domains, most messages first."""
    meant = condition(filters, "domain", "since", "until", "reporter")
    rows = engine.query(
        f"SELECT domain, header_from, min(day), max(day), {_SUMS} FROM rollups WHERE {meant.sql}"
        f" GROUP BY domain, header_from ORDER BY sum({' + '.join(COUNTERS)}) DESC, domain, header_from LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(_summed(rows, SubdomainRow))


def days(engine: Engine, filters: Filters) -> Answer:
    """Days, in order."""
    meant = condition(filters, "domain", "since", "until", "reporter")
    rows = engine.query(
        f"SELECT day, {_SUMS} FROM rollups WHERE {meant.sql} GROUP BY day ORDER BY day LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(_summed(rows, DayRow))


class AddressRow(Struct, frozen=True):
    """An address that sends in the name of a domain."""

    domain: str
    source_ip: str
    network: str
    country: str
    as_name: str
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: str
    last_day: str


_BY_RECORD = (
    "sum(count), sum(CASE WHEN dmarc = 'pass' THEN count ELSE 0 END),"
    " sum(CASE WHEN dkim_aligned = 'pass' THEN count ELSE 0 END),"
    " sum(CASE WHEN spf_aligned = 'pass' THEN count ELSE 0 END),"
    " sum(CASE WHEN disposition NOT IN ('quarantine', 'reject') THEN count ELSE 0 END),"
    " sum(CASE WHEN disposition = 'quarantine' THEN count ELSE 0 END),"
    " sum(CASE WHEN disposition = 'reject' THEN count ELSE 0 END),"
    " count(DISTINCT reporter), min(day), max(day)"
)


def addresses(engine: Engine, filters: Filters) -> Answer:
    """Addresses, most messages first."""
    meant = condition(filters, "domain", "since", "until", "source", "reporter")
    rows = engine.query(
        f"SELECT domain, source_ip, max(network), max(country), max(as_name), {_BY_RECORD} FROM records"
        f" WHERE {meant.sql} GROUP BY domain, source_ip ORDER BY sum(count) DESC, domain, source_ip LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(typed([_dated(row) for row in rows], AddressRow))


class NetworkRow(Struct, frozen=True):
    """A network that sends in the name of a domain: the upper level of the tree of sources."""

    domain: str
    network: str
    country: str
    as_name: str
    addresses: int
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: str
    last_day: str


def networks(engine: Engine, filters: Filters) -> Answer:
    """Networks (/24, /64), most messages first."""
    meant = condition(filters, "domain", "since", "until", "source", "reporter")
    rows = engine.query(
        f"SELECT domain, network, max(country), max(as_name), count(DISTINCT source_ip), {_BY_RECORD} FROM records"
        f" WHERE {meant.sql} GROUP BY domain, network ORDER BY sum(count) DESC, domain, network LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(typed([_dated(row) for row in rows], NetworkRow))


def _dated(row: Row) -> Row:
    """Days as text."""
    return (*row[:-2], str(row[-2]), str(row[-1]))


class OverrideRow(Struct, frozen=True):
    """A reason why a disposition was not the policy."""

    reason: str
    comment: str
    messages: int
    failing: int
    """Those that failed DMARC."""
    reporters: int


def overrides(engine: Engine, filters: Filters) -> Answer:
    """Override reasons, most messages first."""
    meant = condition(filters, "domain", "since", "until", "source", "reporter")
    rows = engine.query(
        "SELECT reasons, reporter, sum(count), sum(CASE WHEN dmarc = 'pass' THEN 0 ELSE count END) FROM records"
        f" WHERE reasons <> '[]' AND {meant.sql} GROUP BY reasons, reporter",
        meant.parameters,
    )
    sums: dict[tuple[str, str], tuple[int, int, set[str]]] = {}
    for reasons, reporter, messages, failing in rows:
        for reason, comment in msgspec.json.decode(str(reasons), type=list[tuple[str, str]]):
            before = sums.get((reason, comment), (0, 0, set()))
            sums[reason, comment] = (
                before[0] + int(str(messages)),
                before[1] + int(str(failing)),
                before[2] | {str(reporter)},
            )
    found = [OverrideRow(*key, messages, failing, len(who)) for key, (messages, failing, who) in sums.items()]
    found.sort(key=lambda row: (-row.messages, row.reason, row.comment))
    return Answer(found[: filters.limit])
