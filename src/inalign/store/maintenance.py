"""What keeps the store in shape: retention for each kind of row, all of one domain deleted, how much there is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from inalign.store.columns import (
    CONFLICTS,
    COUNTERS,
    EVALUATIONS,
    FAILURES,
    RAW,
    RECORDS,
    REPORTS,
    ROLLUPS,
    TABLES,
    TLS_FAILURES,
    TLS_POLICIES,
    Table,
)
from inalign.store.engine import Engine, Parameter, count

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


def forget(engine: Engine, keep: Retention, now: datetime, folder: Path) -> None:
    """Delete what is older than it is kept. Days without records keep their sums."""
    today = now.date()
    if keep.records:
        first = today - timedelta(days=keep.records)
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
    if keep.raw:
        oldest = int((now - timedelta(days=keep.raw)).timestamp())
        for table in (RAW, CONFLICTS):
            _delete(engine, table, "received_at < :oldest", {"oldest": oldest})


def _delete_before(engine: Engine, table: Table, first: date) -> None:
    _delete(engine, table, "day < :first", {"first": first})


def _delete(engine: Engine, table: Table, condition: str, parameters: Mapping[str, Parameter]) -> None:
    """Where there is anything: a deletion costs ClickHouse a mutation of all parts."""
    if count(engine, f"SELECT count(*) FROM {table.name} WHERE {condition}", parameters):  # noqa: S608 - texts of ours
        with engine.change() as change:
            change.delete(table, condition, parameters)


def _merge_rollups(engine: Engine, first: date, folder: Path) -> None:
    """Put the rows of each day together once its records go, so that sums kept for ever are few."""
    names = ("day", "domain", "org_domain", "reporter", "header_from", "source_group")
    sums = ", ".join(f"sum({name})" for name in (*COUNTERS, "unknown"))
    condition = "day < :first AND report_key <> ''"
    group = ", ".join(names)
    found = engine.query(
        f"SELECT {group}, {sums} FROM rollups WHERE day IN "  # noqa: S608 - names of ours
        f"(SELECT day FROM rollups WHERE {condition}) GROUP BY {group}",
        {"first": first},
    )
    if not found:
        return
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".ndjson") as file:
        for row in found:
            merged = dict(zip((*names, *COUNTERS, "unknown"), row, strict=True))
            file.write(_encode(merged | {"report_key": ""}) + b"\n")
        file.flush()
        with engine.change() as change:
            days = ", ".join(sorted({f"'{row[0]}'" for row in found}))
            change.delete(ROLLUPS, f"day IN ({days})")
            change.insert(ROLLUPS, [Path(file.name)])


def purge(engine: Engine, domain: str) -> int:
    """Delete all of a domain and the names below it; returns how many reports there were. Raw deliveries that carried
    its reports go with them."""
    name = domain.lower().rstrip(".")
    below: dict[str, Parameter] = {"domain": name, "below": f".{name}", "below_length": len(name) + 1}
    condition = _same_or_below("domain")
    found = count(engine, f"SELECT count(*) FROM reports WHERE {condition}", below)  # noqa: S608
    digests = [f"SELECT raw_digest FROM {table} WHERE {condition}" for table in ("reports", "conflicts")]  # noqa: S608
    with engine.change() as change:
        change.delete(RAW, " OR ".join(f"raw_digest IN ({digest})" for digest in digests), below)
        for table in (CONFLICTS, RECORDS, ROLLUPS, FAILURES, TLS_POLICIES, TLS_FAILURES, REPORTS):
            change.delete(table, condition, below)
        change.delete(EVALUATIONS, _same_or_below("header_from"), below)
    return found


def _same_or_below(column: str) -> str:
    return f"({column} = :domain OR right({column}, :below_length) = :below)"


class Stats(Struct, frozen=True):
    """How much there is."""

    octets: int
    rows: Mapping[str, int]
    messages: int
    first_day: str
    last_day: str


def stats(engine: Engine) -> Stats:
    """Count everything."""
    rows = {table.name: count(engine, f"SELECT count(*) FROM {table.name}") for table in TABLES}  # noqa: S608
    counted = "FROM reports WHERE is_counted AND kind = 'aggregate'"
    messages = count(engine, f"SELECT coalesce(sum(messages), 0) {counted}")
    first, last = engine.query(f"SELECT min(day), max(day) {counted}")[0]
    has_any = rows["reports"] > 0
    return Stats(engine.size(), rows, messages, str(first) if has_any else "", str(last) if has_any else "")
