"""Reports and messages one by one: lists that are turned page by page, and the whole of one report."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import msgspec
from msgspec import Struct

from inalign.errors import ParseError
from inalign.store.columns import RECORDS, REPORTS
from inalign.store.engine import Engine, Parameter, in_list, typed
from inalign.store.intake import raw_content
from inalign.store.queries.filters import Filters, condition, decode_cursor, encode_cursor
from inalign.store.queries.views import Answer


class ReportRow(Struct, frozen=True):
    """A report of any kind."""

    report_key: str
    kind: str
    reporter: str
    org_name: str
    domain: str
    report_id: str
    begin_at: int
    end_at: int
    day: str
    received_at: int
    records: int
    messages: int
    passed: int
    flaw_count: int
    carrier: str
    carrier_reason: str
    source: str
    is_counted: bool


_REPORT = ", ".join(ReportRow.__struct_fields__)


def reports(engine: Engine, filters: Filters) -> Answer:
    """Reports, the newest first; forged ones among them, which do not count."""
    return _reports(engine, filters, "1 = 1")


def forged(engine: Engine, filters: Filters) -> Answer:
    """Reports that are forged, the newest first."""
    return _reports(engine, filters, "NOT is_counted")


def _reports(engine: Engine, filters: Filters, which: str) -> Answer:
    meant = condition(filters, "domain", "since", "until", "reporter")
    parameters: dict[str, Parameter] = {**meant.parameters, "limit": filters.limit}
    behind = "1 = 1"
    if filters.after:
        at, key = decode_cursor(filters.after, (int, str))
        behind = "(received_at < :at OR (received_at = :at AND report_key > :key))"
        parameters |= {"at": at, "key": key}
    rows = engine.query(
        f"SELECT {_REPORT} FROM reports WHERE {which} AND {meant.sql} AND {behind}"
        " ORDER BY received_at DESC, report_key LIMIT :limit",
        parameters,
    )
    found = typed([(*row[:8], str(row[8]), *row[9:]) for row in rows], ReportRow)
    more = len(found) == filters.limit
    return Answer(found, encode_cursor([found[-1].received_at, found[-1].report_key]) if more else "")


class ConflictRow(Struct, frozen=True):
    """Another content under the key of a report that is there."""

    report_key: str
    content_digest: str
    reporter: str
    domain: str
    report_id: str
    received_at: int
    messages: int
    carrier: str
    source: str


def conflicts(engine: Engine, filters: Filters) -> Answer:
    """Contents that do not count, the newest first."""
    meant = condition(filters, "domain", "reporter")
    rows = engine.query(
        f"SELECT {', '.join(ConflictRow.__struct_fields__)} FROM conflicts WHERE {meant.sql}"
        " ORDER BY received_at DESC, report_key, content_digest LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(typed(rows, ConflictRow))


class WholeReport(Struct, frozen=True):
    """Everything of one report but its raw text."""

    report: dict[str, Parameter]
    flaws: list[tuple[str, str]]
    records: list[dict[str, Parameter]]


def whole_report(engine: Engine, key: str) -> WholeReport | None:
    """One report by its key; None where there is none. Raises `ParseError` for what is no key."""
    _check(key)
    names = list(REPORTS.columns)
    found = engine.query(f"SELECT {', '.join(names)} FROM reports WHERE report_key IN ({in_list([key])})")
    if not found:
        return None
    report = dict(zip(names, found[0], strict=True))
    report["day"] = str(report["day"])
    quoted = [f'"{name}"' if name == "row" else name for name in RECORDS.columns]
    records = engine.query(
        f'SELECT {", ".join(quoted)} FROM records WHERE report_key IN ({in_list([key])}) ORDER BY "row" LIMIT 10000'
    )
    return WholeReport(
        report,
        msgspec.json.decode(str(report["flaws"]), type=list[tuple[str, str]]),
        [{**dict(zip(RECORDS.columns, row, strict=True)), "day": str(report["day"])} for row in records],
    )


def raw_of(engine: Engine, key: str) -> tuple[str, bytes] | None:
    """Name and octets of the delivery that a report came in; None where it is not kept (any more)."""
    _check(key)
    found = engine.query(
        "SELECT name, form, content FROM raw WHERE raw_digest IN"
        f" (SELECT raw_digest FROM reports WHERE report_key IN ({in_list([key])}))"
    )
    return (str(found[0][0]), raw_content(str(found[0][1]), str(found[0][2]))) if found else None


def _check(key: str) -> None:
    if not (key.isascii() and key.isalnum() and len(key) <= 64):
        raise ParseError("no key of a report")


class FailureGroup(Struct, frozen=True):
    """Failure reports that say the same of the same source."""

    domain: str
    source_ip: str
    header_from: str
    auth_failure: str
    failed: str
    delivery_result: str
    reports: int
    incidents: int
    reporters: int
    first_day: str
    last_day: str


def failure_groups(engine: Engine, filters: Filters) -> Answer:
    """Failure reports in groups, most incidents first."""
    meant = condition(filters, "domain", "since", "until", "source", "reporter")
    rows = engine.query(
        "SELECT domain, source_ip, header_from, auth_failure, failed, delivery_result, count(*), sum(incidents),"
        f" count(DISTINCT reporter), min(day), max(day) FROM failures WHERE kind = 'failure' AND {meant.sql}"
        " GROUP BY domain, source_ip, header_from, auth_failure, failed, delivery_result"
        " ORDER BY sum(incidents) DESC, domain, source_ip, header_from, auth_failure, failed, delivery_result"
        " LIMIT :limit",
        {**meant.parameters, "limit": filters.limit},
    )
    return Answer(typed([(*row[:-2], str(row[-2]), str(row[-1])) for row in rows], FailureGroup))


class FailureRow(Struct, frozen=True):
    """One failure or abuse report."""

    report_key: str
    kind: str
    domain: str
    source_ip: str
    arrived_at: int
    received_at: int
    reporter: str
    auth_failure: str
    failed: str
    delivery_result: str
    header_from: str
    display_name: str
    subject: str
    message_id: str
    agent: str
    incidents: int


def failures(engine: Engine, filters: Filters) -> Answer:
    """Failure and abuse reports, the newest first."""
    meant = condition(filters, "domain", "since", "until", "source", "reporter")
    parameters: dict[str, Parameter] = {**meant.parameters, "limit": filters.limit}
    behind = "1 = 1"
    if filters.after:
        at, key = decode_cursor(filters.after, (int, str))
        behind = "(received_at < :at OR (received_at = :at AND report_key > :key))"
        parameters |= {"at": at, "key": key}
    rows = engine.query(
        f"SELECT {', '.join(FailureRow.__struct_fields__)} FROM failures WHERE {meant.sql} AND {behind}"
        " ORDER BY received_at DESC, report_key LIMIT :limit",
        parameters,
    )
    found = typed(rows, FailureRow)
    more = len(found) == filters.limit
    return Answer(found, encode_cursor([found[-1].received_at, found[-1].report_key]) if more else "")


class TlsRow(Struct, frozen=True):
    """TLS sessions of a domain under one kind of policy, by what became of them."""

    domain: str
    policy_type: str
    result: str
    """`success`, or why it failed (RFC 8460 section 4.3); `unexplained` where a sum is larger than its details."""
    sessions: int
    reporters: int
    first_day: str
    last_day: str


def tls(engine: Engine, filters: Filters) -> Answer:
    """TLS sessions by result, most first."""
    meant = condition(filters, "domain", "since", "until", "reporter")
    kinds = "domain, policy_type"
    sums = engine.query(
        f"SELECT {kinds}, sum(successful), sum(failed), count(DISTINCT reporter), min(day), max(day) FROM tls_policies"
        f" WHERE {meant.sql} GROUP BY {kinds}",
        meant.parameters,
    )
    details = engine.query(
        f"SELECT {kinds}, result_type, sum(sessions), count(DISTINCT reporter), min(day), max(day) FROM tls_failures"
        f" WHERE {meant.sql} GROUP BY {kinds}, result_type",
        meant.parameters,
    )
    found = typed([(*row[:5], str(row[5]), str(row[6])) for row in details], TlsRow)
    for domain, policy, successful, failed, reporters, first, last in sums:
        spans = (int(str(reporters)), str(first), str(last))
        found.append(TlsRow(str(domain), str(policy), "success", int(str(successful)), *spans))
        told = sum(
            row.sessions
            for row in found
            if (row.domain, row.policy_type) == (domain, policy) and row.result != "success"
        )
        if int(str(failed)) > told:
            found.append(TlsRow(str(domain), str(policy), "unexplained", int(str(failed)) - told, *spans))
    found.sort(key=lambda row: (-row.sessions, row.domain, row.policy_type, row.result))
    return Answer(found[: filters.limit])


class HealthRow(Struct, frozen=True):
    """How regularly a reporter reports about a domain."""

    reporter: str
    domain: str
    reports: int
    days: int
    """Days with a report."""
    rhythm_days: float
    """The usual number of days between two reports."""
    last_day: str
    silent_days: int
    """Since the last report, up to the last one of anybody."""
    is_silent: bool
    """Whether that is over twice the usual, and over two days."""
    flawed: int


def health(engine: Engine, filters: Filters) -> Answer:
    """Reporters and their rhythm; those that fell silent first."""
    meant = condition(filters, "domain", "since", "until", "reporter")
    rows = engine.query(
        "SELECT reporter, domain, day, count(*), sum(CASE WHEN flaw_count > 0 THEN 1 ELSE 0 END) FROM reports"
        f" WHERE kind = 'aggregate' AND is_counted AND {meant.sql}"
        " GROUP BY reporter, domain, day ORDER BY reporter, domain, day",
        meant.parameters,
    )
    seen: dict[tuple[str, str], list[tuple[object, int, int]]] = {}
    for reporter, domain, day, number, flawed in rows:
        seen.setdefault((str(reporter), str(domain)), []).append((day, int(str(number)), int(str(flawed))))
    newest = max((row[2] for row in rows), key=str, default=None)
    found = []
    for (reporter, domain), listed in seen.items():
        days = [msgspec.convert(str(day), type=date) for day, _, _ in listed]
        gaps = sorted((later - earlier).days for earlier, later in pairwise(days))
        rhythm = float(gaps[len(gaps) // 2]) if gaps else 0.0
        silent = (msgspec.convert(str(newest), type=date) - days[-1]).days
        found.append(
            HealthRow(
                reporter,
                domain,
                sum(number for _, number, _ in listed),
                len(days),
                rhythm,
                str(days[-1]),
                silent,
                bool(gaps) and silent > max(2.0, 2 * rhythm),
                sum(flawed for _, _, flawed in listed),
            )
        )
    found.sort(key=lambda row: (not row.is_silent, -row.reports, row.reporter, row.domain))
    return Answer(found[: filters.limit])


class EvaluationRow(Struct, frozen=True):
    """A message that the milter judged."""

    id: str
    seen_at: int
    host: str
    queue_id: str
    source_ip: str
    header_from: str
    envelope_from: str
    spf: str
    dkim: str
    arc: str
    dmarc: str
    dmarc_reason: str
    policy: str
    disposition: str
    action: str
    rule: str
    octets: int
    held_ms: float


def evaluations(engine: Engine, filters: Filters) -> Answer:
    """Messages that were judged, the newest first."""
    meant = condition(filters, "domain", "since", "until", "source")
    parameters: dict[str, Parameter] = {**meant.parameters, "limit": filters.limit}
    behind = "1 = 1"
    if filters.after:
        at, key = decode_cursor(filters.after, (int, str))
        behind = "(seen_at < :at OR (seen_at = :at AND id > :key))"
        parameters |= {"at": at, "key": key}
    rows = engine.query(
        f"SELECT {', '.join(EvaluationRow.__struct_fields__)} FROM evaluations WHERE {meant.sql} AND {behind}"
        " ORDER BY seen_at DESC, id LIMIT :limit",
        parameters,
    )
    found = typed(rows, EvaluationRow)
    more = len(found) == filters.limit
    return Answer(found, encode_cursor([found[-1].seen_at, found[-1].id]) if more else "")
