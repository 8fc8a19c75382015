"""DMARC records as reporters saw them: what receivers had and since when, and when the record changed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import cast

from msgspec import Struct

from inalign.insight.record_history import RecordChange, SeenRecord, Sighting, record_history, seen_record
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.headlines import COUNTED, DAYS
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page, page_of
from inalign.store.time_zone import zone_of


class PublishedRow(Struct, frozen=True):
    """A record of a domain, as it stands in reports. What a record leaves away has its default (RFC 9989 section 4.7),
    but for `np` and `testing`, which older reports cannot tell: there an empty text is nothing told."""

    domain: str
    p: str
    sp: str
    np: str
    adkim: str
    aspf: str
    pct: int
    testing: str
    first_day: date
    last_day: date
    reports: int
    reporters: int

    @property
    def record(self) -> SeenRecord:
        """The record, whose text is the canonical one."""
        return seen_record(
            p=self.p,
            sp=self.sp,
            np=self.np,
            adkim=self.adkim,
            aspf=self.aspf,
            testing=self.testing,
            pct=self.pct,
            is_rfc9990=False,
        )


class RecordHistoryRow(Struct, frozen=True):
    """A record of a domain that came into force, by the definition of `insight/record_history.py`."""

    domain: str
    day: date
    before: str
    """Empty for the first record that reports contain."""
    record: str

    @property
    def change(self) -> RecordChange:
        """The same without the domain."""
        return RecordChange(self.day, self.before, self.record)


SEEN = f"{COUNTED} AND t.p <> '' AND t.begin_at <> 0 AND t.end_at <> 0"
"""Reports that contain a record and a span, and so say on which day it was seen."""

_TOLD = {
    "p": "t.p",
    "sp": "CASE WHEN t.sp = '' THEN t.p ELSE t.sp END",
    "np": "t.np",
    "adkim": "CASE WHEN t.adkim = '' THEN 'r' ELSE t.adkim END",
    "aspf": "CASE WHEN t.aspf = '' THEN 'r' ELSE t.aspf END",
    "pct": "CASE WHEN t.pct < 0 THEN 100 ELSE t.pct END",
    "testing": "t.testing",
}


def published(engine: Engine, filters: Filters) -> ViewAnswer[PublishedRow]:
    """Records by domain, the latest first."""
    where, parameters = condition(filters)
    told = ", ".join(f"{sql} AS {name}" for name, sql in _TOLD.items())
    sql = (
        f"SELECT t.domain AS domain, {told}, {DAYS}, count(*) AS reports, "
        f"count(DISTINCT t.reporter) AS reporters FROM reports AS t WHERE {COUNTED} AND t.p <> '' AND {where} "
        f"GROUP BY t.domain, {', '.join(_TOLD.values())}"
    )
    order = (Order("domain"), Order("last_day", True), Order("first_day", True), *map(Order, _TOLD))
    return page(engine, filters, ViewQuery(sql, parameters, PublishedRow, order))


def record_histories(engine: Engine, filters: Filters) -> ViewAnswer[RecordHistoryRow]:
    """Records by domain and day, computed from all reports that count; the days asked for choose among the answers."""
    where, parameters = condition(Filters(domain=filters.domain, scope=filters.scope))
    columns = "t.domain, t.reporter, t.slot, t.p, t.sp, t.np, t.adkim, t.aspf, t.testing, t.pct, t.is_rfc9990"
    found = engine.query(f"SELECT DISTINCT {columns} FROM reports AS t WHERE {SEEN} AND {where}", parameters)
    zone = zone_of(filters.zone)
    sightings: dict[str, set[Sighting]] = defaultdict(set)
    for domain, reporter, slot, p, sp, np, adkim, aspf, testing, pct, is_rfc9990 in cast(
        "list[tuple[str, str, int, str, str, str, str, str, str, int, bool]]", found
    ):
        record = seen_record(
            p=p, sp=sp, np=np, adkim=adkim, aspf=aspf, testing=testing, pct=pct, is_rfc9990=bool(is_rfc9990)
        )
        sightings[domain].add(Sighting(zone.day(slot), reporter, record))
    rows = [
        RecordHistoryRow(domain, change.day, change.before, change.after)
        for domain, seen in sightings.items()
        for change in record_history(seen)
        if (filters.since is None or change.day >= filters.since)
        and (filters.until is None or change.day <= filters.until)
    ]
    return page_of(rows, lambda row: (row.domain, row.day.isoformat()), RecordHistoryRow, filters)
