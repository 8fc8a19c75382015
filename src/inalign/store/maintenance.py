"""What keeps the store in shape: retention for each kind of row, all of one domain deleted, how much there is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from inalign.store.engine.interface import Engine, Parameter, Row, count, domain_parameters, in_list, same_or_below
from inalign.store.load.monthly import outdate_all
from inalign.store.schema.tables import (
    CONFLICTS,
    COUNTERS,
    EVALUATIONS,
    FAILURES,
    NAMES,
    OF_AN_ASSESSMENT,
    RAW,
    RECORDS,
    REPORTS,
    ROLLUPS,
    TABLES,
    TLS_FAILURES,
    TLS_POLICIES,
    Table,
)

KEYS_A_CHANGE = 1_000

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days that rows stay; 0: for ever. Each is a table of its own, since they differ in size and in what they show."""

    raw: int = 400
    records: int = 800
    rollups: int = 0
    failures: int = 90
    tls: int = 800
    evaluations: int = 30


def forget(engine: Engine, keep: Retention, now: datetime, folder: Path) -> list[str]:
    """Delete what is older than it is kept; returns the domains that lost records. Days without these keep their sums.

    The row of a report stays as long as anything that was counted from it, so that the report is known if it comes
    again. May be interrupted and repeated. Raises `StoreError`.
    """
    today = now.date()
    touched: list[str] = []
    if keep.records:
        first = today - timedelta(days=keep.records)
        gone = engine.query("SELECT DISTINCT domain FROM records WHERE day < :first", {"first": first})
        touched = sorted(str(domain) for (domain,) in gone)
        if engine.is_atomic:
            _merge_rollups(engine, first, folder)
        _delete_before(engine, RECORDS, first)
    for table, days in (
        (ROLLUPS, keep.rollups),
        (FAILURES, keep.failures),
        (TLS_POLICIES, keep.tls),
        (TLS_FAILURES, keep.tls),
        (EVALUATIONS, keep.evaluations),
    ):
        if days:
            _delete_before(engine, table, today - timedelta(days=days))
    for kinds, days in (
        ("'aggregate'", max(keep.rollups, keep.records) if keep.rollups and keep.records else 0),
        ("'failure', 'abuse'", keep.failures),
        ("'tls'", keep.tls),
    ):
        if days:
            _delete(engine, REPORTS, f"kind IN ({kinds}) AND day < :first", {"first": today - timedelta(days=days)})
    if keep.raw:
        oldest = int((now - timedelta(days=keep.raw)).timestamp())
        for table in (RAW, CONFLICTS):
            _delete(engine, table, "received_at < :oldest", {"oldest": oldest})
    return touched


def _delete_before(engine: Engine, table: Table, first: date) -> None:
    _delete(engine, table, "day < :first", {"first": first})


def _delete(engine: Engine, table: Table, condition: str, parameters: Mapping[str, Parameter]) -> None:
    """Where there is anything: a deletion costs ClickHouse a mutation of all parts."""
    if count(engine, f"SELECT count(*) FROM {table.name} WHERE {condition}", parameters):
        with engine.change() as change:
            if table is RECORDS and isinstance(first := parameters.get("first"), date):
                outdate_all(engine, change, first)
            change.delete(table, condition, parameters)


_OF_A_GROUP = ("day", "slot", "domain", "org_domain", "reporter", "header_from")


def _merge_rollups(engine: Engine, first: date, folder: Path) -> None:
    """Put the rows of each slot together once its records go, so that sums kept for ever are few.

    A day is one change. Without such changes sums could be lost or doubled: ClickHouse keeps the rows as they are.
    """
    days = engine.query(
        "SELECT DISTINCT day FROM domain_rollups WHERE day < :first AND report_key <> '' ORDER BY day", {"first": first}
    )
    group, sums = ", ".join(_OF_A_GROUP), ", ".join(f"sum({name})" for name in COUNTERS)
    for (day,) in days:
        of = {"day": day}
        merged = engine.query(f"SELECT {group}, {sums} FROM domain_rollups WHERE day = :day GROUP BY {group}", of)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".ndjson") as file:
            for row in merged:
                file.write(_encode(dict(zip((*_OF_A_GROUP, *COUNTERS), row, strict=True)) | {"report_key": ""}) + b"\n")
            file.flush()
            with engine.change() as change:
                change.delete(ROLLUPS, "day = :day", of)
                change.insert(ROLLUPS, [Path(file.name)])


def purge(engine: Engine, domain: str) -> int:
    """Delete all of a domain and the names below it; returns how many reports there were.

    That is what is reported of it, what is sent in its name (also in reports of a domain above it, whose own totals
    stay as they were told), and each raw delivery that carried such a report, with whatever else it carried. May be
    interrupted and repeated. Raises `StoreError`.
    """
    name = domain.lower().strip(".")
    below = domain_parameters(name)
    author = f"{same_or_below('domain')} OR {same_or_below('header_from')}"
    found = engine.query(f"SELECT DISTINCT report_key FROM reports WHERE {same_or_below('domain')}", below)
    keys = {str(key) for (key,) in found}
    digests: set[str] = set()
    for table, condition in (("records", author), ("failures", author), ("tls_policies", same_or_below("domain"))):
        sql = f"SELECT DISTINCT report_key FROM {table} WHERE {condition}"
        for some in _in_parts(engine.query(sql, below)):
            digests |= _words(engine, f"SELECT DISTINCT raw_digest FROM reports WHERE report_key IN ({in_list(some)})")
    for table in ("reports", "conflicts"):
        digests |= _words(engine, f"SELECT DISTINCT raw_digest FROM {table} WHERE {same_or_below('domain')}", below)
    with engine.change() as change:
        for some in _in_parts([(digest,) for digest in sorted(digests - {""})]):
            change.delete(RAW, f"raw_digest IN ({in_list(some)})")
        for table_, condition in (
            (RECORDS, author),
            (ROLLUPS, author),
            (FAILURES, author),
            (EVALUATIONS, author),
            (TLS_POLICIES, same_or_below("domain")),
            (TLS_FAILURES, same_or_below("domain")),
            (NAMES, same_or_below("name")),
            (CONFLICTS, same_or_below("domain")),
        ):
            change.delete(table_, condition, below)
        for each in OF_AN_ASSESSMENT:
            change.delete(each, same_or_below("domain"), below)
        outdate_all(engine, change)
        change.delete(REPORTS, same_or_below("domain"), below)  # the last: by them the others are found
    return len(keys)


def _words(engine: Engine, sql: str, parameters: Mapping[str, Parameter] | None = None) -> set[str]:
    return {str(word) for (word,) in engine.query(sql, parameters)}


def _in_parts(rows: Sequence[Row]) -> Iterator[list[str]]:
    left = (str(word) for (word,) in rows)
    while some := list(islice(left, KEYS_A_CHANGE)):
        yield some


class Stats(Struct, frozen=True):
    """How much there is."""

    octets: int
    rows: Mapping[str, int]
    messages: int
    first_day: str
    last_day: str


def stats(engine: Engine) -> Stats:
    """Count the rows of every table, and the messages and days of the aggregate reports."""
    rows = {table.name: count(engine, f"SELECT count(*) FROM {table.name}") for table in TABLES}
    counted = "FROM reports WHERE is_counted AND kind = 'aggregate'"
    has_any = count(engine, f"SELECT count(*) {counted}") > 0
    messages = count(engine, f"SELECT coalesce(sum(messages), 0) {counted}")
    first, last = engine.query(f"SELECT min(day), max(day) {counted}")[0]
    return Stats(engine.size(), rows, messages, str(first) if has_any else "", str(last) if has_any else "")
