"""What reports tell one by one: failure reports, TLS sessions, and what our own milter judged."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.view import Order, R, ViewAnswer, ViewQuery, columns, page


class FailureGroupRow(Struct, frozen=True):
    """Failure reports that say the same of the same sender."""

    domain: str
    source_ip: str
    country: str
    as_name: str
    auth_failure: str
    header_from: str
    reports: int
    incidents: int
    reporters: int
    first_day: date
    last_day: date


def failures(engine: Engine, filters: Filters) -> ViewAnswer[FailureGroupRow]:
    """Failure reports by domain, source, what failed, and From domain."""
    where, parameters = condition(filters)
    sql = (
        "SELECT t.domain AS domain, t.source_ip AS source_ip, max(t.country) AS country, max(t.as_name) AS as_name, "
        "t.auth_failure AS auth_failure, t.header_from AS header_from, count(*) AS reports, "
        "sum(t.incidents) AS incidents, count(DISTINCT t.reporter) AS reporters, min(t.slot) AS first_day, "
        f"max(t.slot) AS last_day FROM failures AS t WHERE {where} "
        "GROUP BY t.domain, t.source_ip, t.auth_failure, t.header_from"
    )
    keys = (Order("domain"), Order("source_ip"), Order("auth_failure"), Order("header_from"))
    return page(engine, filters, ViewQuery(sql, parameters, FailureGroupRow, (Order("incidents", True), *keys)))


class FailureRow(Struct, frozen=True):
    """A failure report, or an abuse report (by its kind)."""

    report_key: str
    kind: str
    domain: str
    day: date
    arrived_at: datetime | None
    reporter: str
    source_ip: str
    host: str
    """Its reverse name, where it was looked up and leads back."""
    country: str
    as_name: str
    auth_failure: str
    failed: str
    delivery_result: str
    header_from: str
    envelope_from: str
    display_name: str
    subject: str
    message_id: str
    agent: str
    """The software that made the report."""
    incidents: int
    sample: str
    """Header of the reported message."""


def failure_reports(engine: Engine, filters: Filters) -> ViewAnswer[FailureRow]:
    """Failure reports one by one, newest first."""
    where, parameters = condition(filters)
    sql = (
        f"SELECT {columns(FailureRow, without=('host',))}, coalesce(n.name, '') AS host "
        "FROM failures AS t LEFT JOIN (SELECT source_ip AS address, max(name) AS name FROM names GROUP BY source_ip) "
        f"AS n ON n.address = t.source_ip WHERE {where}"
    )
    order = (Order("day", True), Order("arrived_at", True), Order("report_key"))
    return page(engine, filters, ViewQuery(sql, parameters, FailureRow, order))


class TlsRow(Struct, frozen=True):
    """Sessions with the mail servers of a domain."""

    domain: str
    policy_type: str
    result_type: str
    """successful, a word of RFC 8460 section 4.3, or unexplained: a failure without details."""
    sessions: int
    reports: int
    reporters: int
    first_day: date
    last_day: date


def tls(engine: Engine, filters: Filters) -> ViewAnswer[TlsRow]:
    """TLS sessions by domain, policy and result."""
    where, parameters = condition(filters)
    kept = "t.domain AS domain, t.policy_type AS policy_type"
    rest = "t.report_key AS report_key, t.reporter AS reporter, t.slot AS slot"
    of_policies = f"FROM tls_policies AS t WHERE {where}"
    of_failures = f"FROM tls_failures AS t WHERE {where}"
    sql = (
        "SELECT u.domain AS domain, u.policy_type AS policy_type, u.result_type AS result_type, "
        "sum(u.sessions) AS sessions, count(DISTINCT u.report_key) AS reports, "
        "count(DISTINCT u.reporter) AS reporters, min(u.slot) AS first_day, max(u.slot) AS last_day FROM ("
        f"SELECT {kept}, 'successful' AS result_type, t.successful AS sessions, {rest} {of_policies} "
        f"UNION ALL SELECT {kept}, t.result_type AS result_type, t.sessions AS sessions, {rest} {of_failures} "
        f"UNION ALL SELECT {kept}, 'unexplained' AS result_type, t.failed AS sessions, {rest} {of_policies} "
        f"UNION ALL SELECT {kept}, 'unexplained' AS result_type, -t.sessions AS sessions, {rest} {of_failures}"
        ") AS u GROUP BY u.domain, u.policy_type, u.result_type HAVING sum(u.sessions) > 0"
    )
    keys = (Order("domain"), Order("policy_type"), Order("result_type"))
    return page(engine, filters, ViewQuery(sql, parameters, TlsRow, (Order("sessions", True), *keys)))


class EvaluationRow(Struct, frozen=True):
    """A message that our milter judged."""

    id: str
    seen_at: datetime | None
    day: date
    host: str
    queue_id: str
    source_ip: str
    country: str
    as_name: str
    domain: str
    header_from: str
    envelope_from: str
    helo: str
    spf: tuple[tuple[str, str, str], ...]
    """For each SPF result: domain, scope and result."""
    dkim: tuple[tuple[str, str, str], ...]
    """For each DKIM signature: domain, selector and result."""
    arc: str
    dmarc: str
    dmarc_reason: str
    policy: str
    applied_policy: str
    disposition: str
    dkim_aligned: str
    spf_aligned: str
    action: str
    rule: str
    octets: int
    total_ms: float
    held_ms: float


def evaluations(engine: Engine, filters: Filters) -> ViewAnswer[EvaluationRow]:
    """What the milter judged, newest first."""
    return _single(engine, filters, "evaluations", EvaluationRow, ("seen_at", "id"))


def _single(engine: Engine, filters: Filters, table: str, kind: type[R], keys: tuple[str, str]) -> ViewAnswer[R]:
    where, parameters = condition(filters)
    sql = f"SELECT {columns(kind)} FROM {table} AS t WHERE {where}"
    order = (Order("day", True), Order(keys[0], True), Order(keys[1]))
    return page(engine, filters, ViewQuery(sql, parameters, kind, order))
