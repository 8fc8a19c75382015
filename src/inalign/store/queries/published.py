"""DMARC records as reporters saw them: what receivers had, and since when."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from inalign.store.engine import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.headlines import COUNTED, DAYS
from inalign.store.queries.view import Answer, Order, Question, page


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


_TOLD = {
    "p": "t.p",
    "sp": "CASE WHEN t.sp = '' THEN t.p ELSE t.sp END",
    "np": "t.np",
    "adkim": "CASE WHEN t.adkim = '' THEN 'r' ELSE t.adkim END",
    "aspf": "CASE WHEN t.aspf = '' THEN 'r' ELSE t.aspf END",
    "pct": "CASE WHEN t.pct < 0 THEN 100 ELSE t.pct END",
    "testing": "t.testing",
}


def published(engine: Engine, filters: Filters) -> Answer[PublishedRow]:
    """Records by domain, the latest first."""
    where, parameters = condition(filters)
    told = ", ".join(f"{sql} AS {name}" for name, sql in _TOLD.items())
    sql = (
        f"SELECT t.domain AS domain, {told}, {DAYS}, count(*) AS reports, "
        f"count(DISTINCT t.reporter) AS reporters FROM reports AS t WHERE {COUNTED} AND t.p <> '' AND {where} "
        f"GROUP BY t.domain, {', '.join(_TOLD.values())}"
    )
    order = (Order("domain"), Order("last_day", True), Order("first_day", True), *map(Order, _TOLD))
    return page(engine, filters, Question(sql, parameters, PublishedRow, order))
