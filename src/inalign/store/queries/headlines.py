"""Headline questions: who reports, which domains, which days. Sums come from reports and rollups; where a source is
asked for, from the records. Messages are the sum of the counts of records that count, in each of them.
"""

from __future__ import annotations

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from inalign.store.counts import COUNTS, SUMS_OF_COUNTS, SUMS_OF_RECORDS
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Condition, Filters, condition, counted
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page
from inalign.store.schema.tables import COUNTERS
from inalign.store.time_zone import zone_of

COUNTED = "t.is_counted AND t.kind = 'aggregate'"
DAYS = "min(t.slot) AS first_day, max(t.slot) AS last_day"
_BY_ALIGNMENT = {
    name: (dkim, spf) for name, dkim, spf in (("by_both", "=", "="), ("by_dkim", "=", "<>"), ("by_spf", "<>", "="))
} | {"by_neither": ("<>", "<>")}


def percent(part: str, whole: str = "messages") -> str:
    """Of columns of an answer; 0 of nothing."""
    return f"CASE WHEN {whole} = 0 THEN 0.0 ELSE 100.0 * {part} / {whole} END"


PERCENTS = ", ".join(f"{percent(name)} AS {name}_percent" for name in ("passed", "none", "quarantine", "reject"))


class ReporterRow(Struct, frozen=True):
    """The messages that one reporter sent reports about."""

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
    flaws: int
    delay_hours: float
    """Mean time from the end of a span to the arrival of its report."""
    first_day: date
    last_day: date


def reporters(engine: Engine, filters: Filters) -> ViewAnswer[ReporterRow]:
    """Who reports, how much and how late."""
    table, parameters = _reports(filters)
    sql = (
        "SELECT *, CASE WHEN timed = 0 THEN 0.0 ELSE late / 3600.0 / timed END AS delay_hours, "
        f"{PERCENTS} FROM (SELECT t.reporter AS reporter, count(*) AS reports, sum(t.flaw_count) AS flaws, "
        f"{SUMS_OF_COUNTS}, sum(CASE WHEN t.end_at > 0 THEN 1 ELSE 0 END) AS timed, "
        "sum(CASE WHEN t.end_at > 0 THEN t.received_at - t.end_at ELSE 0 END) AS late, "
        f"{DAYS} FROM {table} GROUP BY t.reporter) AS summed"
    )
    return page(engine, filters, ViewQuery(sql, parameters, ReporterRow, (Order("messages", True), Order("reporter"))))


class DomainRow(Struct, frozen=True):
    """A domain with a policy record."""

    domain: str
    org_domain: str
    policy: str
    """p as the newest report has it."""
    subdomain_policy: str
    reports: int
    reporters: int
    messages: int
    passed: int
    passed_percent: float
    none: int
    quarantine: int
    reject: int
    first_day: date
    last_day: date


def domains(engine: Engine, filters: Filters) -> ViewAnswer[DomainRow]:
    """The domains that reports are about."""
    table, parameters = _reports(filters)
    sql = (
        f"SELECT *, {PERCENTS}, '' AS policy, '' AS subdomain_policy FROM ("
        "SELECT t.domain AS domain, max(t.org_domain) AS org_domain, count(*) AS reports, "
        f"count(DISTINCT t.reporter) AS reporters, {SUMS_OF_COUNTS}, "
        f"{DAYS} FROM {table} GROUP BY t.domain) AS summed"
    )
    answer = page(engine, filters, ViewQuery(sql, parameters, DomainRow, (Order("messages", True), Order("domain"))))
    records = newest_records(engine, filters)
    rows = []
    for row in answer.rows:
        record = records.get(row.domain, NewestRecord())
        rows.append(replace(row, policy=record.p, subdomain_policy=record.sp or record.p))
    return ViewAnswer(rows, answer.after)


class SubdomainRow(Struct, frozen=True):
    """A From domain below the one whose policy applies to it."""

    header_from: str
    domain: str
    """The domain whose DMARC record applies to this From domain."""
    messages: int
    passed: int
    passed_percent: float
    none: int
    quarantine: int
    reject: int
    first_day: date
    last_day: date


def subdomains(engine: Engine, filters: Filters) -> ViewAnswer[SubdomainRow]:
    """Names below the domains, those without a record of their own among them."""
    where, parameters = counted(engine, filters)
    below = "t.header_from <> :domain" if filters.domain else "t.header_from <> t.org_domain"
    sql = (
        f"SELECT *, {PERCENTS} FROM (SELECT t.header_from AS header_from, t.domain AS domain, "
        f"{_sums(filters)}, {DAYS} "
        f"FROM {_table(filters)} AS t WHERE {where} AND {below} GROUP BY t.header_from, t.domain) AS summed"
    )
    order = (Order("messages", True), Order("header_from"), Order("domain"))
    return page(engine, filters, ViewQuery(sql, parameters, SubdomainRow, order))


class DayRow(Struct, frozen=True):
    """The messages of one day in the time zone of the filters."""

    day: date
    messages: int
    passed: int
    passed_percent: float
    none: int
    quarantine: int
    reject: int
    by_both: int
    """Aligned by DKIM and SPF; the next ones by one of them alone, or by neither."""
    by_dkim: int
    by_spf: int
    by_neither: int


def days(engine: Engine, filters: Filters) -> ViewAnswer[DayRow]:
    """Messages by day. Slots are summed first, of which there are few; what a day is, is asked of each of these."""
    where, parameters = counted(engine, filters)
    names = (*COUNTS, *_BY_ALIGNMENT)
    by_slot = (
        f"SELECT t.slot AS slot, {_sums(filters)}, {_alignments(filters)} "
        f"FROM {_table(filters)} AS t WHERE {where} GROUP BY t.slot"
    )
    number = zone_of(filters.zone).number("s.slot", filters.since, filters.until)
    sql = (
        f"SELECT *, {PERCENTS} FROM (SELECT min(s.slot) AS day, "
        f"{', '.join(f'sum(s.{name}) AS {name}' for name in names)} "
        f"FROM ({by_slot}) AS s GROUP BY {number}) AS summed"
    )
    return page(engine, filters, ViewQuery(sql, parameters, DayRow, (Order("day"),)))


def _reports(filters: Filters) -> Condition:
    """Reports with their sums as table `t` and its condition; with a source, the sums of its records alone."""
    where, parameters = condition(filters)
    if not filters.source:
        return Condition(f"reports AS t WHERE {COUNTED} AND {where}", parameters)
    keep = ["domain", "org_domain", "reporter", "slot", "end_at", "received_at", "flaw_count"]
    return Condition(
        f"(SELECT {', '.join(f'r.{name} AS {name}' for name in keep)}, s.messages AS messages, s.passed AS passed, "
        "s.none AS none, s.quarantine AS quarantine, s.reject AS reject FROM reports AS r JOIN "
        f"(SELECT t.report_key AS report_key, {SUMS_OF_RECORDS} FROM records AS t WHERE {where} GROUP BY t.report_key) "
        "AS s ON r.report_key = s.report_key) AS t",
        parameters,
    )


def _table(filters: Filters) -> str:
    return "records" if filters.source else "domain_rollups"


def _sums(filters: Filters) -> str:
    if filters.source:
        return SUMS_OF_RECORDS
    of = {
        "messages": COUNTERS,
        "passed": COUNTERS[:9],
        "none": COUNTERS[::3],
        "quarantine": COUNTERS[1::3],
        "reject": COUNTERS[2::3],
    }
    return ", ".join(f"{_sum(counters)} AS {name}" for name, counters in of.items())


def _alignments(filters: Filters) -> str:
    if not filters.source:
        return ", ".join(
            f"{_sum(COUNTERS[3 * place : 3 * place + 3])} AS {name}" for place, name in enumerate(_BY_ALIGNMENT)
        )
    return ", ".join(
        f"sum(CASE WHEN t.dkim_aligned {dkim} 'pass' AND t.spf_aligned {spf} 'pass' THEN t.count ELSE 0 END) AS {name}"
        for name, (dkim, spf) in _BY_ALIGNMENT.items()
    )


def _sum(counters: tuple[str, ...]) -> str:
    """Of each apart: engines sum once what is named often."""
    return " + ".join(f"sum(t.{name})" for name in counters)


class NewestRecord(Struct, frozen=True):
    """The record of a domain as the newest report has it."""

    p: str = ""
    sp: str = ""
    np: str = ""
    discovery_method: str = ""


def newest_records(engine: Engine, filters: Filters) -> dict[str, NewestRecord]:
    """Of each domain as the newest report has it, and how the newest that tells it found it."""
    where, parameters = condition(
        Filters(domain=filters.domain, since=filters.since, until=filters.until, scope=filters.scope, zone=filters.zone)
    )
    sql = (
        "SELECT t.domain, t.p, t.sp, t.np, t.discovery_method, max(t.end_at) AS newest FROM reports AS t "
        f"WHERE {COUNTED} AND {where} GROUP BY t.domain, t.p, t.sp, t.np, t.discovery_method "
        "ORDER BY newest, t.p, t.sp, t.np, t.discovery_method"
    )
    found: dict[str, NewestRecord] = {}
    for domain, p, sp, np, method, _ in engine.query(sql, parameters):
        before = found.get(str(domain), NewestRecord())
        # Reporters by RFC 7489 tell no np and no method: what others said stays.
        found[str(domain)] = NewestRecord(str(p), str(sp), str(np) or before.np, str(method) or before.discovery_method)
    return found
