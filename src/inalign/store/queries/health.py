"""How well reporters report, and why they did not do what the policy asks."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise
from statistics import median

import msgspec
from msgspec import Struct

from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.view import ViewAnswer, page_of, typed_rows
from inalign.store.time_zone import zone_of

SILENT_GAPS = 3
"""Days without a report, in medians of the gaps between reports, after which a reporter counts as silent."""


class HealthRow(Struct, frozen=True):
    """A reporter, and how regularly it reports."""

    reporter: str
    kind: str
    days: int
    """Number of days with at least one report."""
    rhythm_days: float
    """Median of the gaps between these days; 0 where there is one day alone."""
    last_day: date
    silent_days: int
    """From its last day to the newest of any reporter."""
    is_silent: bool
    flaws: int
    reports: int


class _Day(Struct, frozen=True, gc=False):
    reporter: str
    kind: str
    day: date
    flaws: int
    reports: int


def health(engine: Engine, filters: Filters) -> ViewAnswer[HealthRow]:
    """Reporters: how regularly, how long silent, how flawed."""
    where, parameters = condition(filters)
    by_slot = (
        "SELECT t.reporter AS reporter, t.kind AS kind, t.slot AS slot, sum(t.flaw_count) AS flaws, "
        "count(*) AS reports "
        f"FROM reports AS t WHERE t.is_counted AND t.kind IN ('aggregate', 'tls') AND {where} "
        "GROUP BY t.reporter, t.kind, t.slot"
    )
    zone = zone_of(filters.zone)
    number = zone.number("s.slot", filters.since, filters.until)
    sql = (
        "SELECT s.reporter AS reporter, s.kind AS kind, min(s.slot) AS day, sum(s.flaws) AS flaws, "
        f"sum(s.reports) AS reports FROM ({by_slot}) AS s GROUP BY s.reporter, s.kind, {number} "
        "ORDER BY reporter, kind, day"
    )
    by_reporter: defaultdict[tuple[str, str], list[_Day]] = defaultdict(list)
    for row in typed_rows(engine.query(sql, parameters), _Day, zone):
        by_reporter[row.reporter, row.kind].append(row)
    newest = max((days[-1].day for days in by_reporter.values()), default=date.min)
    rows = [_health(reporter, kind, days, newest) for (reporter, kind), days in by_reporter.items()]
    return page_of(rows, lambda row: (row.reporter, row.kind), HealthRow, filters)


def _health(reporter: str, kind: str, days: list[_Day], newest: date) -> HealthRow:
    gaps = [(after.day - before.day).days for before, after in pairwise(days)]
    rhythm, silent = float(median(gaps)) if gaps else 0.0, (newest - days[-1].day).days
    return HealthRow(
        reporter,
        kind,
        len(days),
        rhythm,
        days[-1].day,
        silent,
        bool(gaps) and silent > SILENT_GAPS * rhythm,
        sum(row.flaws for row in days),
        sum(row.reports for row in days),
    )


class OverrideReasonRow(Struct, frozen=True):
    """A reason that reporters gave for another disposition than the policy's."""

    type: str
    comment: str
    messages: int
    """Those with several reasons are in each."""
    records: int
    first_day: date
    last_day: date


class _Reasons(Struct, frozen=True, gc=False):
    reasons: tuple[tuple[str, str], ...]
    messages: int
    records: int
    first_day: date
    last_day: date


def overrides_by_reporter(engine: Engine, filters: Filters) -> dict[str, dict[str, int]]:
    """Messages by reporter and type of reason; those with several are in each."""
    where, parameters = condition(filters)
    sql = (
        "SELECT t.reporter, t.reasons, sum(t.count) FROM records AS t "
        f"WHERE t.reasons <> '[]' AND {where} GROUP BY t.reporter, t.reasons"
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for reporter, reasons, messages in engine.query(sql, parameters):
        of_it = found[str(reporter)]
        for kind in dict.fromkeys(name for name, _ in msgspec.json.decode(str(reasons), type=list[tuple[str, str]])):
            of_it[kind] = of_it.get(kind, 0) + int(str(messages))
    return found


def overrides(engine: Engine, filters: Filters) -> ViewAnswer[OverrideReasonRow]:
    """Why reporters did not do what the policy asks."""
    where, parameters = condition(filters)
    sql = (
        "SELECT t.reasons AS reasons, sum(t.count) AS messages, count(*) AS records, min(t.slot) AS first_day, "
        f"max(t.slot) AS last_day FROM records AS t WHERE t.reasons <> '[]' AND {where} GROUP BY t.reasons"
    )
    sums: dict[tuple[str, str], OverrideReasonRow] = {}
    for row in typed_rows(engine.query(sql, parameters), _Reasons, zone_of(filters.zone)):
        for reason in dict.fromkeys(row.reasons):
            old = sums.get(reason)
            sums[reason] = OverrideReasonRow(
                *reason,
                row.messages + (old.messages if old else 0),
                row.records + (old.records if old else 0),
                min(row.first_day, old.first_day) if old else row.first_day,
                max(row.last_day, old.last_day) if old else row.last_day,
            )
    return page_of(list(sums.values()), lambda row: (-row.messages, row.type, row.comment), OverrideReasonRow, filters)
