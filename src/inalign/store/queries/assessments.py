"""What is judged, as it is kept: domains with their plans, sources, and mail by class and day. Each question reads one
judgement of each domain, whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from inalign.insight.names import judged_domain
from inalign.insight.overview import (
    FORWARDER,
    OWNERS,
    ClassDayRow,
    ClassSums,
    CurrentPolicy,
    OverviewRow,
    SlotSum,
    class_days,
    overview_row,
    worst_first,
)
from inalign.insight.rows import AssessedSource, FindingRow, PlanRow
from inalign.insight.window import Window, window_to
from inalign.store.assessments import OF_NOW
from inalign.store.engine.interface import Engine, Parameter, whole
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.headlines import COUNTED
from inalign.store.queries.not_assessed import unjudged
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, moment, page, page_of
from inalign.store.time_zone import Zone, zone_of
from inalign.store.window import window_of

_EPOCH = 719_163
"""The ordinal of 1970-01-01."""
_ALL = "t.none + t.quarantine + t.reject"
_OWNERS = ", ".join(f"'{each}'" for each in OWNERS)
_IS_OWN, _IS_FORWARDED = f"t.source_class IN ({_OWNERS})", f"t.source_class = '{FORWARDER}'"
_IS_UNWANTED = f"NOT t.passes AND NOT ({_IS_OWN}) AND NOT ({_IS_FORWARDED})"
_OVERVIEW_SUMS = {
    "messages": (_ALL, "1 = 1"),
    "own_messages": (_ALL, _IS_OWN),
    "own_passed": (_ALL, f"{_IS_OWN} AND t.passes"),
    "forwarded": (_ALL, _IS_FORWARDED),
    "forwarded_failing": (_ALL, f"{_IS_FORWARDED} AND NOT t.passes"),
    "unwanted": (_ALL, _IS_UNWANTED),
    "unwanted_delivered": ("t.none", _IS_UNWANTED),
}
"""Of `ClassSums`: what is summed, and where."""


class StoredSource(Struct, frozen=True):
    """A source as the table has it."""

    domain: str
    source_ip: str
    source_class: str
    service: str
    sender: str
    evidence: str
    messages: int
    failing: int
    classes: str
    first_day: date
    last_day: date


class StoredPlan(Struct, frozen=True):
    """A domain as the table has it."""

    domain: str
    policy: str
    testing: bool
    reporters: int
    first_day: date
    last_day: date
    assessed_at: int
    plan: str


_read_plan = msgspec.json.Decoder(PlanRow).decode
_read_evidence = msgspec.json.Decoder(tuple[Mapping[str, str | int | float], ...]).decode
_read_findings = msgspec.json.Decoder(tuple[FindingRow, ...]).decode
_read_classes = msgspec.json.Decoder(dict[str, int]).decode


def _of(engine: Engine, host: str, filters: Filters, *, clock: str = "") -> tuple[str, dict[str, Parameter]]:
    """The rows of `t` that are meant: a name stands for the domain with which it is judged."""
    names: list[str] = []
    if filters.domain:
        rows = engine.query("SELECT domain FROM assessments WHERE host = :host", {"host": host})
        known = frozenset(str(name) for (name,) in rows)
        name = judged_domain(filters.domain.lower().rstrip("."), known)
        names = [name] if name in known else []
    sql, parameters = condition(filters, clock=clock, names=names)
    return f"t.host = :host AND {sql}", parameters | {"host": host}


def stored_sources(engine: Engine, host: str, filters: Filters) -> ViewAnswer[AssessedSource]:
    """By domain, the largest first."""
    where, parameters = _of(engine, host, filters)
    columns = ", ".join(f"t.{name} AS {name}" for name in StoredSource.__struct_fields__)
    sql = f"SELECT {columns} FROM assessed_sources AS t WHERE {where} AND t.{OF_NOW}"
    order = (Order("domain"), Order("messages", True), Order("source_ip"))
    found = page(engine, filters, ViewQuery(sql, parameters, StoredSource, order))
    return ViewAnswer([_source(row) for row in found.rows], found.after)


def _source(row: StoredSource) -> AssessedSource:
    return AssessedSource(
        domain=row.domain,
        source_ip=row.source_ip,
        source_class=row.source_class,
        service=row.service or None,
        sender=row.sender,
        evidence=_read_evidence(row.evidence),
        messages=row.messages,
        failing=row.failing,
        first_day=row.first_day,
        last_day=row.last_day,
        classes=_read_classes(row.classes) if row.classes else UNSET,
    )


def stored_plans(engine: Engine, host: str, filters: Filters) -> ViewAnswer[PlanRow]:
    """Return the stored policy plans of this host that match `filters`, ordered by domain."""
    found = _plans(engine, host, filters)
    return ViewAnswer([_read_plan(row.plan) for row in found.rows], found.after)


def _plans(engine: Engine, host: str, filters: Filters) -> ViewAnswer[StoredPlan]:
    where, parameters = _of(engine, host, filters)
    columns = ", ".join(f"t.{name} AS {name}" for name in StoredPlan.__struct_fields__)
    question = ViewQuery(
        f"SELECT {columns} FROM assessments AS t WHERE {where}", parameters, StoredPlan, (Order("domain"),)
    )
    return page(engine, filters, question)


def stored_overview(
    engine: Engine, host: str, filters: Filters, *, today: date, families: Mapping[str, object]
) -> ViewAnswer[OverviewRow]:
    """Worst first. Counts are those of the days asked for; state and plan come from all that is known. `families` are
    the domains that are judged, in time.
    """
    of_domains = replace(filters, since=None, until=None, after="", limit=MAX_DOMAINS)
    plans = _plans(engine, host, of_domains).rows
    where, parameters = _of(engine, host, filters, clock="slot")
    where += f" AND t.{OF_NOW}"
    zone = zone_of(filters.zone)
    sums = _sums(engine, where, parameters, zone)
    window = window_to(filters.until) if filters.until else window_of(engine)
    trends = _trends(engine, host, filters, [row.domain for row in plans], window)
    reporters = _reporters(engine, filters, [row.domain for row in plans])
    rows = unjudged(engine, filters, families, frozenset(row.domain for row in plans), window)
    for row in plans:
        counts, days = sums.get(row.domain, (ClassSums(), (row.first_day, row.last_day)))
        rows.append(
            overview_row(
                _read_plan(row.plan),
                CurrentPolicy(row.policy, row.testing),
                counts,
                reporters=row.reporters if reporters is None else reporters.get(row.domain, 0),
                days=days,
                trend=trends[row.domain],
                window=window,
                last_report=row.last_day.toordinal(),
                today=today.toordinal(),
                judged_at=moment(row.assessed_at),
            )
        )
    return page_of(rows, worst_first, OverviewRow, filters)


MAX_DOMAINS = 100_000
"""In one overview: it is sorted as a whole."""


def _sums(
    engine: Engine, where: str, parameters: Mapping[str, Parameter], zone: Zone
) -> dict[str, tuple[ClassSums, tuple[date, date]]]:
    """Of each domain that has messages, with their first and last day."""
    named = ", ".join(
        f"sum(CASE WHEN {which} THEN {what} ELSE 0 END)"
        for what, which in (_OVERVIEW_SUMS[name] for name in ClassSums._fields)
    )
    sql = f"SELECT t.domain, min(t.slot), max(t.slot), {named} FROM assessed_slots AS t WHERE {where} GROUP BY t.domain"
    return {
        str(domain): (ClassSums(*map(whole, counts)), (zone.day(whole(first)), zone.day(whole(last))))
        for domain, first, last, *counts in engine.query(sql, parameters)
    }


def _trends(
    engine: Engine, host: str, filters: Filters, domains: Iterable[str], window: Window
) -> dict[str, tuple[tuple[int, int], ...]]:
    """The owner's mail of each domain, by day of a window."""
    of_window = replace(filters, since=window.since, until=window.until)
    where, parameters = _of(engine, host, of_window, clock="slot")
    days = {domain: [[0, 0] for _ in range(window.days)] for domain in domains}
    of_day = zone_of(filters.zone).number("t.slot", window.since, window.until)
    sql = (
        f"SELECT t.domain, {of_day} AS number, sum({_ALL}), "
        f"sum(CASE WHEN t.passes THEN {_ALL} ELSE 0 END) FROM assessed_slots AS t "
        f"WHERE {where} AND t.{OF_NOW} AND {_IS_OWN} GROUP BY t.domain, number"
    )
    for domain, number, messages, passed in engine.query(sql, parameters):
        name = str(domain)
        if name not in days:
            continue
        place = _EPOCH + whole(number) - window.first
        days[name][place][0] += whole(messages)
        days[name][place][1] += whole(passed)
    return {domain: tuple((messages, passed) for messages, passed in found) for domain, found in days.items()}


def _reporters(engine: Engine, filters: Filters, judged: list[str]) -> Mapping[str, int] | None:
    """How many reported each domain on the days asked for; None: on all days, which the judgement knows."""
    if filters.since is None and filters.until is None:
        return None
    where, parameters = condition(replace(filters, domain="", source_class=""))
    known, found = frozenset(judged), dict[str, set[str]]()
    sql = f"SELECT DISTINCT t.domain, t.reporter FROM reports AS t WHERE {COUNTED} AND {where}"
    for domain, reporter in engine.query(sql, parameters):
        found.setdefault(judged_domain(str(domain), known), set()).add(str(reporter))
    return {domain: len(names) for domain, names in found.items()}


def stored_classes(engine: Engine, host: str, filters: Filters) -> ViewAnswer[ClassDayRow]:
    """Return the stored messages of each source class that match `filters`, ordered by day."""
    where, parameters = _of(engine, host, filters, clock="slot")
    sql = (
        f"SELECT {zone_of(filters.zone).number('t.slot', filters.since, filters.until)} AS number, t.source_class, "
        "t.passes, sum(t.none), sum(t.quarantine), sum(t.reject) FROM assessed_slots AS t "
        f"WHERE {where} AND t.{OF_NOW} GROUP BY number, t.source_class, t.passes"
    )
    rows = list(class_days(_by_day(engine, sql, parameters)))
    return page_of(rows, lambda row: (row.day.isoformat(),), ClassDayRow, filters)


def _by_day(engine: Engine, sql: str, parameters: Mapping[str, Parameter]) -> Iterator[tuple[date, SlotSum]]:
    for number, source_class, passes, *counts in engine.query(sql, parameters):
        day = date.fromordinal(_EPOCH + whole(number))
        yield day, SlotSum(0, str(source_class), bool(passes), *map(whole, counts))


def stored_findings(engine: Engine, host: str, filters: Filters) -> ViewAnswer[FindingRow]:
    """By domain, in the order in which insight tells them."""
    where, parameters = _of(engine, host, filters)
    asked = engine.query(f"SELECT t.findings FROM assessments AS t WHERE {where} AND t.findings <> '[]'", parameters)
    rows = [row for (text,) in asked for row in _read_findings(str(text))]
    return page_of(rows, lambda row: (row.domain, row.number), FindingRow, filters)
