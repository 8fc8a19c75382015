"""Mail by source: whole months as they were summed, the rest record by record, as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from inalign.store.engine.interface import Engine
from inalign.store.load.monthly import OF_A_RECORD, next_month, summed_months
from inalign.store.queries.filters import Condition, Filters, condition, names_of
from inalign.store.time_zone import zone_of

COLUMNS = tuple(OF_A_RECORD)
SUMS = (
    "sum(t.messages) AS messages, sum(t.passed) AS passed, sum(t.dkim) AS dkim, sum(t.spf) AS spf, "
    "sum(t.messages) - sum(t.quarantine) - sum(t.reject) AS none, sum(t.quarantine) AS quarantine, "
    "sum(t.reject) AS reject, min(t.first_slot) AS first_day, max(t.last_slot) AS last_day"
)


def mail(engine: Engine, filters: Filters) -> Condition:
    """The mail that is meant, with `COLUMNS`, as an expression to select from. Raises what the engine raises, too."""
    names = names_of(engine, filters)
    zone = zone_of(filters.zone)
    since = None if filters.since is None else zone.start(filters.since)
    until = None if filters.until is None else zone.end(filters.until)
    of_records, parameters = condition(filters, names=names)
    record = ", ".join(f"{expression} AS {name}" for name, expression in OF_A_RECORD.items())
    months = summed_months(engine, since, until)
    if not months:
        return Condition(f"(SELECT {record} FROM records AS t WHERE {of_records})", parameters)
    of_months, _ = condition(replace(filters, since=None, until=None), names=names)
    runs = list(_runs(months))
    row = ", ".join(f"t.{name} AS {name}" for name in COLUMNS)
    parts = []
    for place, (first, behind) in enumerate(runs):
        parameters |= {f"first_{place}": first, f"behind_{place}": behind}
        span = f"t.month >= :first_{place} AND t.month < :behind_{place}"
        parts.append(f"SELECT {row} FROM source_months AS t WHERE {of_months} AND {span}")
    for place in range(len(runs) + 1):  # before the first run, between two, and behind the last
        bounds = [f"t.day >= :behind_{place - 1}"] if place else []
        bounds += [f"t.day < :first_{place}"] if place < len(runs) else []
        parts.append(f"SELECT {record} FROM records AS t WHERE {of_records} AND {' AND '.join(bounds)}")
    return Condition(f"({' UNION ALL '.join(parts)})", parameters)


def _runs(months: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Months that follow one another, as their first, and the one behind them."""
    first = months[0]
    for month, after in zip(months, [*months[1:], None], strict=True):
        if after != next_month(month):
            yield first, next_month(month)
            if after is not None:
                first = after
