"""How good reports are: late, flawed, told twice, of odd spans, silent, or at odds with what all others say."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from statistics import median

from msgspec import Struct
from msgspec.structs import asdict, replace

from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters, condition
from inalign.store.queries.headlines import COUNTED, reporters
from inalign.store.queries.health import HealthRow, health, overrides_by_reporter
from inalign.store.queries.mail import mail
from inalign.store.queries.view import ViewAnswer

LATE_HOURS = 48.0
"""Mean delay; most reports come within hours of the end of their day."""
LATE_FACTOR = 2.0
"""Of the median delay of all reporters: what was taken in long after it came makes nobody late."""
ODD_SHARE = 0.1
"""Of its reports, with a span that is none or longer than a day and an hour."""
MAX_SPAN = 90_000
LEAST = 20
"""Messages of an address, by one reporter and by the others, from which on they are compared."""
APART = 50.0
"""Points between the share that passes by one reporter and by all others."""
MAX_REASONS = 3


class ReporterQualityRow(Struct, frozen=True, kw_only=True):
    """A reporter, what it told and how well."""

    reporter: str
    reports: int
    messages: int
    passed: int
    passed_percent: float
    none: int
    none_percent: float
    quarantine: int
    quarantine_percent: float
    reject: int
    reject_percent: float
    override_reasons: tuple[tuple[str, int], ...]
    """Why it did not do what the policy asks, the most frequent first, with messages."""
    delay_hours: float
    flaws: int
    duplicates: int
    """Reports that came again with other contents."""
    odd_spans: int
    disagreements: int
    """Addresses of which it says another thing than all others together."""
    silent_days: int
    flags: tuple[str, ...]
    """late, flawed, duplicates, odd_spans, silent, disagrees."""
    first_day: date
    last_day: date


def reporter_quality(engine: Engine, filters: Filters) -> ViewAnswer[ReporterQualityRow]:
    """In the order of `reporters`."""
    found = reporters(engine, filters)
    inner = replace(filters, limit=MAX_PAGE_ROWS, after="")
    regular = {row.reporter: row for row in health(engine, replace(inner, source="")).rows if row.kind == "aggregate"}
    twice = _duplicates(engine, inner)
    odd = _odd_spans(engine, inner)
    apart = _disagreements(engine, inner)
    why = overrides_by_reporter(engine, inner)
    usual = median(delays) if (delays := [row.delay_hours for row in found.rows if row.delay_hours]) else 0.0
    rows = []
    for row in found.rows:
        name = row.reporter
        reasons = sorted(why.get(name, {}).items(), key=lambda item: (-item[1], item[0]))
        quality = ReporterQualityRow(
            override_reasons=tuple(reasons[:MAX_REASONS]),
            duplicates=twice.get(name, 0),
            odd_spans=odd.get(name, 0),
            disagreements=apart.get(name, 0),
            silent_days=regular[name].silent_days if name in regular else 0,
            flags=(),
            **asdict(row),
        )
        rows.append(replace(quality, flags=_flags(quality, regular.get(name), usual)))
    return ViewAnswer(rows, found.after)


def _flags(row: ReporterQualityRow, regular: HealthRow | None, usual: float) -> tuple[str, ...]:
    told = {
        "late": row.delay_hours > max(LATE_HOURS, LATE_FACTOR * usual),
        "flawed": row.flaws >= row.reports,
        "duplicates": row.duplicates > 0,
        "odd_spans": row.odd_spans > ODD_SHARE * row.reports,
        "silent": regular is not None and regular.is_silent,
        "disagrees": row.disagreements > 0,
    }
    return tuple(name for name, is_so in told.items() if is_so)


def _duplicates(engine: Engine, filters: Filters) -> dict[str, int]:
    where, parameters = condition(replace(filters, source="", key="", reporter=filters.reporter), clock="received_at")
    sql = f"SELECT t.reporter, count(*) FROM conflicts AS t WHERE {where} GROUP BY t.reporter"
    return {str(name): int(str(number)) for name, number in engine.query(sql, parameters)}


def _odd_spans(engine: Engine, filters: Filters) -> dict[str, int]:
    where, parameters = condition(replace(filters, source=""))
    sql = (
        f"SELECT t.reporter, count(*) FROM reports AS t WHERE {COUNTED} AND {where} "
        f"AND (t.end_at <= t.begin_at OR t.end_at - t.begin_at > {MAX_SPAN:d}) GROUP BY t.reporter"
    )
    return {str(name): int(str(number)) for name, number in engine.query(sql, parameters)}


def _disagreements(engine: Engine, filters: Filters) -> dict[str, int]:
    """Addresses of which a reporter's share that passes is far from that of the others."""
    # Who is compared with all others must not be asked for alone.
    table, parameters = mail(engine, replace(filters, reporter=""))
    sql = (
        "SELECT t.domain AS domain, t.source_key AS source_key, t.reporter AS reporter, sum(t.messages) AS messages, "
        f"sum(t.passed) AS passed FROM {table} AS t GROUP BY t.domain, t.source_key, t.reporter"
    )
    of_all = (
        "SELECT e.domain AS domain, e.source_key AS source_key, count(*) AS reporters, sum(e.messages) AS messages, "
        f"sum(e.passed) AS passed FROM ({sql}) AS e GROUP BY e.domain, e.source_key"
    )
    rest, rest_passed = "(a.messages - o.messages)", "(a.passed - o.passed)"
    # Where the others differ among themselves, an address has mail of several kinds.
    agreed = f"a.reporters > 2 AND (10 * {rest_passed} <= {rest} OR 10 * {rest_passed} >= 9 * {rest})"
    apart = f"{agreed} AND abs(100.0 * o.passed / o.messages - 100.0 * {rest_passed} / {rest}) >= {APART}"
    compared = (
        f"SELECT o.reporter, count(*) FROM ({sql}) AS o JOIN ({of_all}) AS a "
        f"ON a.domain = o.domain AND a.source_key = o.source_key WHERE o.messages >= {LEAST:d} AND {rest} >= {LEAST:d} "
        f"AND {apart} GROUP BY o.reporter"
    )
    found: dict[str, int] = defaultdict(int)
    for name, number in engine.query(compared, parameters):
        found[str(name)] += int(str(number))
    return found
