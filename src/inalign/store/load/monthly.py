"""Sums of whole months by source, from which questions over long spans are answered in a tenth of the time.

They are made of the records, never of reports as they come: a month is summed when it is over, and again when reports
of it came late. Whoever changes records takes their months out of `summed_months` in the same change; what stands
there is true, and all else is asked of the records. Only where a change is a whole can that be (`Engine.is_atomic`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from inalign.store.counts import DISPOSITIONS, PASSES
from inalign.store.engine.interface import Engine, StoreChange
from inalign.store.schema.tables import SENDER_LETTERS, SOURCE_MONTHS, SUMMED_MONTHS

_GROUP = ("domain", "reporter", "source_key", "source_ip", "network", "country", "asn", "as_name")
OF_A_RECORD = {
    "sender": f"left(t.source_key, {SENDER_LETTERS})",
    "messages": "t.count",
    "passed": f"CASE WHEN {PASSES} THEN t.count ELSE 0 END",
    "dkim": "CASE WHEN t.dkim_aligned = 'pass' THEN t.count ELSE 0 END",
    "spf": "CASE WHEN t.spf_aligned = 'pass' THEN t.count ELSE 0 END",
    "first_slot": "t.slot",
    "last_slot": "t.slot",
}
OF_A_RECORD |= {name: f"CASE WHEN t.disposition = '{name}' THEN t.count ELSE 0 END" for name in DISPOSITIONS}
OF_A_RECORD |= {name: f"t.{name}" for name in _GROUP}
"""What a row of the sums has, of a record `t`."""
_SUMS = ("messages", "passed", "dkim", "spf", "quarantine", "reject")


def sum_months(engine: Engine, today: date, is_ending: Callable[[], bool] = lambda: False) -> int:
    """Sum the months before this one that have records and are not summed; returns how many were found. Each is done by
    itself, and what is left when the process ends is done the next time. Raises `StoreError`."""
    if not engine.is_atomic:
        return 0
    found = engine.query(
        "SELECT DISTINCT CAST(date_trunc('month', t.day) AS DATE) AS month FROM reports AS t "
        "WHERE t.kind = 'aggregate' AND t.is_counted AND t.day < :this "
        "AND CAST(date_trunc('month', t.day) AS DATE) NOT IN (SELECT month FROM summed_months) ORDER BY month",
        {"this": today.replace(day=1)},
    )
    for (month,) in found:
        if isinstance(month, date) and not is_ending():
            with engine.change() as change:  # nobody else writes until it ends
                _sum_month(change, month)
    return len(found)


def _sum_month(change: StoreChange, month: date) -> None:
    span = {"month": month, "next": next_month(month)}
    group = ", ".join(["sender", *_GROUP])
    sums = ", ".join(f"sum({OF_A_RECORD[name]}) AS {name}" for name in _SUMS)
    keys = ", ".join(f"{OF_A_RECORD[name]} AS {name}" for name in ("sender", *_GROUP))
    change.delete(SUMMED_MONTHS, "month = :month", span)
    change.delete(SOURCE_MONTHS, "month = :month", span)
    change.fill(
        SOURCE_MONTHS,
        f"SELECT CAST(:month AS DATE) AS month, {keys}, {sums}, min(t.slot) AS first_slot, max(t.slot) AS last_slot "
        f"FROM records AS t WHERE t.day >= :month AND t.day < :next GROUP BY {group} ORDER BY domain, source_key",
        span,
    )
    change.fill(SUMMED_MONTHS, "SELECT CAST(:month AS DATE) AS month", span)


def outdate(engine: Engine, change: StoreChange, days: Iterable[str]) -> None:
    """Records of these days (as 2026-11-24) change: sums of their months no longer stand for them."""
    if engine.is_atomic and (months := sorted({day[:7] for day in days})):
        change.delete(SUMMED_MONTHS, f"month IN ({', '.join(_literal(month) for month in months)})")


def outdate_all(engine: Engine, change: StoreChange, until: date = date(2299, 12, 31)) -> None:
    """Records of any day up to one change, or are deleted: their sums go."""
    if engine.is_atomic:
        for table in (SUMMED_MONTHS, SOURCE_MONTHS):
            change.delete(table, "month <= :until", {"until": until})


def summed_months(engine: Engine, since: int | None, until: int | None) -> list[date]:
    """The summed months that lie whole between two times, in order."""
    if not engine.is_atomic:
        return []
    found = [
        month for (month,) in engine.query("SELECT month FROM summed_months ORDER BY month") if isinstance(month, date)
    ]
    return [
        month
        for month in found
        if (since is None or seconds(month) >= since) and (until is None or seconds(next_month(month)) <= until)
    ]


def seconds(day: date) -> int:
    """The first second of a day of UTC."""
    return (day - date(1970, 1, 1)).days * 86_400


def next_month(month: date) -> date:
    """The first of the month after one."""
    return (month + timedelta(days=31)).replace(day=1)


def _literal(month: str) -> str:
    year, _, number = month.partition("-")
    return f"CAST('{int(year):04d}-{int(number):02d}-01' AS DATE)"
