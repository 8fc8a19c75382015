"""TLS sessions by day, and what failed where."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, page
from inalign.store.time_zone import zone_of


class TlsDayRow(Struct, frozen=True):
    """Sessions of a day."""

    day: date
    successful: int
    failed: int
    reports: int


def tls_days(engine: Engine, filters: Filters) -> ViewAnswer[TlsDayRow]:
    """Return the TLS sessions that match `filters`, ordered by day."""
    where, parameters = condition(filters)
    number = zone_of(filters.zone).number("t.slot", filters.since, filters.until)
    sql = (
        "SELECT min(t.slot) AS day, sum(t.successful) AS successful, sum(t.failed) AS failed, "
        f"count(DISTINCT t.report_key) AS reports FROM tls_policies AS t WHERE {where} GROUP BY {number}"
    )
    return page(engine, filters, ViewQuery(sql, parameters, TlsDayRow, (Order("day"),)))


class TlsFailureRow(Struct, frozen=True):
    """Sessions that failed in one way at one host."""

    domain: str
    policy_type: str
    result_type: str
    receiving_mx: str
    reporter: str
    sessions: int
    sending_addresses: int
    reason_code: str
    first_day: date
    last_day: date


def tls_failures(engine: Engine, filters: Filters) -> ViewAnswer[TlsFailureRow]:
    """The most sessions first."""
    where, parameters = condition(filters)
    keys = ("domain", "policy_type", "result_type", "receiving_mx", "reporter")
    sql = (
        f"SELECT {', '.join(f't.{key} AS {key}' for key in keys)}, sum(t.sessions) AS sessions, "
        "count(DISTINCT t.sending_ip) AS sending_addresses, max(t.reason_code) AS reason_code, "
        "min(t.slot) AS first_day, max(t.slot) AS last_day "
        f"FROM tls_failures AS t WHERE {where} GROUP BY {', '.join(f't.{key}' for key in keys)}"
    )
    order = (Order("sessions", True), *map(Order, keys))
    return page(engine, filters, ViewQuery(sql, parameters, TlsFailureRow, order))
