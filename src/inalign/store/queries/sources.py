"""Who sends as us: addresses, and the groups that they are in."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from inalign.store.engine import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.headlines import SUMS_OF_RECORDS, percent
from inalign.store.queries.view import Answer, Order, Question, page

_SUMS = (
    f"{SUMS_OF_RECORDS}, "
    "sum(CASE WHEN t.dkim_aligned = 'pass' THEN t.count ELSE 0 END) AS dkim, "
    "sum(CASE WHEN t.spf_aligned = 'pass' THEN t.count ELSE 0 END) AS spf, "
    "count(DISTINCT t.reporter) AS reporters, min(t.day) AS first_day, max(t.day) AS last_day"
)
_PERCENTS = ", ".join(f"{percent(name)} AS {name}_percent" for name in ("passed", "dkim", "spf"))


class SourceRow(Struct, frozen=True):
    """An address that sent mail of a domain."""

    domain: str
    source_ip: str
    """Empty: reporters gave none that can be read."""
    network: str
    country: str
    as_name: str
    service: str
    messages: int
    passed: int
    passed_percent: float
    """Aligned by DKIM or SPF."""
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date


def sources(engine: Engine, filters: Filters) -> Answer[SourceRow]:
    """The addresses that send as the domains."""
    where, parameters = condition(filters)
    sql = (
        f"SELECT *, {_PERCENTS}, '' AS service FROM (SELECT t.domain AS domain, t.source_ip AS source_ip, "
        "max(t.network) AS network, max(t.country) AS country, max(t.as_name) AS as_name, "
        f"{_SUMS} FROM records AS t WHERE {where} GROUP BY t.domain, t.source_ip) AS summed"
    )
    order = (Order("messages", True), Order("domain"), Order("source_ip"))
    return page(engine, filters, Question(sql, parameters, SourceRow, order))


class SourceGroupRow(Struct, frozen=True):
    """The addresses of an AS, or of a network where the AS is not known."""

    place: str
    """AS and its number, or the network."""
    as_name: str
    country: str
    addresses: int
    messages: int
    passed: int
    passed_percent: float
    dkim_percent: float
    spf_percent: float
    none: int
    quarantine: int
    reject: int
    reporters: int
    first_day: date
    last_day: date


def source_groups(engine: Engine, filters: Filters) -> Answer[SourceGroupRow]:
    """The same by AS, else by network."""
    where, parameters = condition(filters)
    network = "CASE WHEN t.asn <> 0 THEN '' ELSE t.network END"
    sql = (
        f"SELECT *, {_PERCENTS}, CASE WHEN asn <> 0 THEN concat('AS', CAST(asn AS VARCHAR)) ELSE network END AS place "
        f"FROM (SELECT t.asn AS asn, {network} AS network, max(t.as_name) AS as_name, "
        f"max(t.country) AS country, count(DISTINCT t.source_ip) AS addresses, {_SUMS} "
        f"FROM records AS t WHERE {where} GROUP BY t.asn, {network}) AS summed"
    )
    return page(engine, filters, Question(sql, parameters, SourceGroupRow, (Order("messages", True), Order("place"))))
