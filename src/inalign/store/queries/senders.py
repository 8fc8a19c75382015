"""What the tables tell of addresses that send, each by itself: sums, who reported them, and days. Who they are is
judged, not counted: `flow.senders` puts both together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct

from inalign.store.engine import Engine
from inalign.store.queries.filters import Filters, counted
from inalign.store.queries.headlines import SUMS_OF_RECORDS
from inalign.store.queries.view import typed_rows

Address = tuple[str, str]
"""A policy domain, and the key of an address."""


class AddressSums(Struct, frozen=True, gc=False):
    """An address in the name of a policy domain."""

    domain: str
    source_key: str
    source_ip: str
    network: str
    country: str
    as_name: str
    host: str
    messages: int
    passed: int
    none: int
    quarantine: int
    reject: int
    dkim: int
    spf: int
    first_day: date
    last_day: date


def address_sums(engine: Engine, filters: Filters) -> list[AddressSums]:
    """Of all addresses that are meant."""
    where, parameters = counted(engine, filters)
    sql = (
        "SELECT s.domain, s.source_key, s.source_ip, s.network, s.country, s.as_name, coalesce(n.name, '') AS host, "
        "s.messages, s.passed, s.none, s.quarantine, s.reject, s.dkim, s.spf, s.first_day, s.last_day FROM ("
        "SELECT t.domain AS domain, t.source_key AS source_key, max(t.source_ip) AS source_ip, "
        "max(t.network) AS network, max(t.country) AS country, max(t.as_name) AS as_name, "
        f"{SUMS_OF_RECORDS}, sum(CASE WHEN t.dkim_aligned = 'pass' THEN t.count ELSE 0 END) AS dkim, "
        "sum(CASE WHEN t.spf_aligned = 'pass' THEN t.count ELSE 0 END) AS spf, "
        f"min(t.day) AS first_day, max(t.day) AS last_day FROM records AS t WHERE {where} "
        "GROUP BY t.domain, t.source_key) AS s "
        "LEFT JOIN (SELECT source_ip, max(name) AS name FROM names GROUP BY source_ip) AS n "
        "ON n.source_ip = s.source_ip"
    )
    return typed_rows(engine.query(sql, parameters), AddressSums)


def address_reporters(engine: Engine, filters: Filters) -> Iterator[tuple[Address, str]]:
    """Who reported which address."""
    where, parameters = counted(engine, filters)
    sql = f"SELECT DISTINCT t.domain, t.source_key, t.reporter FROM records AS t WHERE {where}"
    return (((str(domain), str(key)), str(reporter)) for domain, key, reporter in engine.query(sql, parameters))


class AddressDay(Struct, frozen=True, gc=False):
    """Messages of an address on a day."""

    domain: str
    source_key: str
    day: date
    messages: int
    passed: int


def address_days(engine: Engine, filters: Filters, since: date) -> Iterable[AddressDay]:
    """From a day on."""
    where, parameters = counted(engine, filters)
    sql = (
        "SELECT t.domain AS domain, t.source_key AS source_key, t.day AS day, sum(t.count) AS messages, "
        "sum(CASE WHEN t.dkim_aligned = 'pass' OR t.spf_aligned = 'pass' THEN t.count ELSE 0 END) AS passed "
        f"FROM records AS t WHERE {where} AND t.day >= :trend GROUP BY t.domain, t.source_key, t.day"
    )
    return typed_rows(engine.query(sql, {**parameters, "trend": since}), AddressDay)
