"""Domains of which reports came that nobody has judged yet, as rows of the overview: counted, with no word on classes.

There are some for seconds after their first report, and all of them for a while after an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from inalign.insight.names import judged_domain
from inalign.insight.overview import OverviewRow
from inalign.insight.result import DomainState, PlanStep, WhyCode
from inalign.insight.rows import NextRow
from inalign.insight.window import Window
from inalign.store.engine.interface import Engine, whole
from inalign.store.queries.filters import Filters, condition, is_visible
from inalign.store.queries.headlines import COUNTED
from inalign.store.time_zone import zone_of


def unjudged(
    engine: Engine, filters: Filters, families: Mapping[str, object], known: frozenset[str], window: Window
) -> list[OverviewRow]:
    """Those of the judged domains `families` that are meant and are not among the known ones."""
    missing = frozenset(name for name in families if name not in known and is_visible(filters, name))
    if not missing:
        return []
    where, parameters = condition(filters)
    sql = (
        "SELECT t.domain, sum(t.messages), min(t.slot), max(t.slot), count(DISTINCT t.reporter) FROM reports AS t "
        f"WHERE {COUNTED} AND {where} GROUP BY t.domain"
    )
    found: dict[str, list[int]] = {}
    for name, *numbers in engine.query(sql, parameters):
        domain = judged_domain(str(name), frozenset(families))
        messages, first, last, reporters = map(whole, numbers)
        if domain in missing:
            before = found.get(domain, [0, first, last, reporters])
            found[domain] = [
                before[0] + messages, min(before[1], first), max(before[2], last), max(before[3], reporters),
            ]  # fmt: skip
    zone = zone_of(filters.zone)
    return [
        _row(domain, messages, (zone.day(first), zone.day(last)), reporters, window)
        for domain, (messages, first, last, reporters) in found.items()
    ]


def _row(domain: str, messages: int, days: tuple[date, date], reporters: int, window: Window) -> OverviewRow:
    return OverviewRow(
        domain=domain,
        state=str(DomainState.COLLECTING),
        policy="",
        testing=False,
        messages=messages,
        own_messages=0,
        own_passed=0,
        own_percent=0.0,
        forwarded=0,
        forwarded_failing=0,
        unwanted=0,
        unwanted_delivered=0,
        reporters=reporters,
        first_day=days[0],
        last_day=days[1],
        trend=((0, 0),) * window.days,
        trend_since=window.since,
        trend_until=window.until,
        ready=False,
        parked=False,
        next=NextRow(str(PlanStep.COLLECT), None, (), ({"code": str(WhyCode.NOT_JUDGED)},)),
        blocking=0,
    )
