"""Reports one by one: those that were stored, one of them whole, what was delivered, conflicts, and forged ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from inalign.insight.record_history import SeenRecord, seen_record
from inalign.store.engine.interface import Engine, Parameter
from inalign.store.load.reports import raw_content
from inalign.store.queries.filters import Filters, condition
from inalign.store.queries.view import Order, ViewAnswer, ViewQuery, columns, moment, page

Pairs = tuple[tuple[str, str], ...]
Triples = tuple[tuple[str, str, str], ...]


class ReportRow(Struct, frozen=True):
    """One report of the list of reports, without its records."""

    report_key: str
    kind: str
    reporter: str
    org_name: str
    report_id: str
    domain: str
    begin_at: datetime | None
    end_at: datetime | None
    day: date
    received_at: datetime | None
    messages: int
    """Of a TLS report: sessions."""
    passed: int
    none: int
    quarantine: int
    reject: int
    flaw_count: int
    carrier: str
    """Whether the mail that carried it is genuine, unverified or forged; empty: no mail did."""
    carrier_reason: str
    source: str


class ReportRecordRow(Struct, frozen=True):
    """A record of an aggregate report."""

    row: int
    source_ip: str
    country: str
    as_name: str
    count: int
    disposition: str
    dkim_aligned: str
    spf_aligned: str
    header_from: str
    envelope_from: str
    envelope_to: str
    dkim: Triples
    """For each DKIM signature: domain, selector and result."""
    spf: Triples
    """For each SPF result: domain, scope and result."""
    reasons: Pairs
    """For each policy override: type and comment."""


class ConflictRow(Struct, frozen=True):
    """Another content under the key of a report."""

    report_key: str
    content_digest: str
    raw_digest: str
    reporter: str
    domain: str
    report_id: str
    received_at: datetime | None
    messages: int
    source: str
    carrier: str
    carrier_reason: str


class ReportDetail(Struct, frozen=True):
    """A report whole: what it says of itself, the policy that it saw, its records."""

    report_key: str
    kind: str
    reporter: str
    org_name: str
    email: str
    extra_contact_info: str
    report_id: str
    domain: str
    begin_at: datetime | None
    end_at: datetime | None
    day: date
    received_at: datetime | None
    is_counted: bool
    is_rfc9990: bool
    version: str
    generator: str
    p: str
    sp: str
    np: str
    adkim: str
    aspf: str
    fo: str
    pct: int
    """-1: the report has no `pct`."""
    testing: str
    discovery_method: str
    errors: tuple[str, ...]
    messages: int
    passed: int
    none: int
    quarantine: int
    reject: int
    flaws: Pairs
    """Code and detail of what was mended."""
    carrier: str
    carrier_reason: str
    carrier_detail: str
    source: str
    raw_digest: str
    records: int
    rows: tuple[ReportRecordRow, ...] = ()
    """As many of them as the limit allows; after: those behind it."""
    conflicts: tuple[ConflictRow, ...] = ()

    @property
    def record(self) -> SeenRecord:
        """The DMARC record that it contains, whose text is the canonical one."""
        return seen_record(
            p=self.p,
            sp=self.sp,
            np=self.np,
            adkim=self.adkim,
            aspf=self.aspf,
            testing=self.testing,
            pct=self.pct,
            is_rfc9990=self.is_rfc9990,
        )


def reports(engine: Engine, filters: Filters) -> ViewAnswer[ReportRow]:
    """The reports, newest first."""
    return _reports(engine, filters, "t.is_counted")


def forged(engine: Engine, filters: Filters) -> ViewAnswer[ReportRow]:
    """Reports whose mail was forged: kept, not counted."""
    return _reports(engine, filters, "NOT t.is_counted")


def _reports(engine: Engine, filters: Filters, which: str) -> ViewAnswer[ReportRow]:
    where, parameters = condition(filters)
    sql = f"SELECT {columns(ReportRow)} FROM reports AS t WHERE {which} AND {where}"
    order = (Order("day", True), Order("end_at", True), Order("report_key"))
    return page(engine, filters, ViewQuery(sql, parameters, ReportRow, order))


def report(engine: Engine, filters: Filters) -> ViewAnswer[ReportDetail]:
    """One report: its row, records, flaws and conflicts. No row where the key is of none."""
    where, seen = condition(Filters(key=filters.key, scope=filters.scope))
    told = columns(ReportDetail, without=("rows", "conflicts"))
    sql = f"SELECT {told}, '' AS rows, '' AS conflicts FROM reports AS t WHERE {where}"
    found = page(
        engine, replace(filters, limit=1, after=""), ViewQuery(sql, seen, ReportDetail, (Order("report_key"),))
    )
    if not found.rows:
        return ViewAnswer(())
    (detail,) = found.rows
    # How records are sorted; their day is that of UTC, a day off at most.
    span = " AND t.day >= :before AND t.day <= :behind AND t.domain = :domain"
    sql = f"SELECT {columns(ReportRecordRow)} FROM records AS t WHERE t.report_key = :key{span}"
    one: dict[str, Parameter] = {
        "key": filters.key,
        "before": detail.day - timedelta(days=1),
        "behind": detail.day + timedelta(days=1),
        "domain": detail.domain,
    }
    records = page(engine, filters, ViewQuery(sql, one, ReportRecordRow, (Order("row"),)))
    others = conflicts(engine, Filters(key=filters.key, scope=filters.scope))
    whole = replace(detail, rows=tuple(records.rows), conflicts=tuple(others.rows))
    return ViewAnswer((whole,), records.after)


class RawRow(Struct, frozen=True):
    """What was delivered: a mail, or a file."""

    report_key: str
    raw_digest: str
    name: str
    source: str
    received_at: datetime | None
    octets: int
    kinds: tuple[str, ...]
    """Of the reports in it: failure reports tell of persons."""
    text: str
    """The content where it is UTF-8."""
    content: bytes
    """The content where it is not; in JSON as base64."""


def raw(engine: Engine, filters: Filters) -> ViewAnswer[RawRow]:
    """What was delivered, of one report; no row where it is not kept, or whoever asks may not see all domains."""
    if filters.scope is not None:
        return ViewAnswer(())  # a mail may carry reports of other domains, too
    found = engine.query(
        "SELECT t.raw_digest, t.name, t.source, t.received_at, t.octets, t.form, t.content FROM raw AS t "
        "WHERE t.raw_digest IN (SELECT r.raw_digest FROM reports AS r WHERE r.report_key = :key)",
        {"key": filters.key},
    )
    rows = []
    for digest, name, source, received, octets, form, packed in found[:1]:
        kinds = engine.query(
            "SELECT DISTINCT t.kind FROM reports AS t WHERE t.raw_digest = :digest OR t.report_key IN "
            "(SELECT c.report_key FROM conflicts AS c WHERE c.raw_digest = :digest) ORDER BY t.kind",
            {"digest": str(digest)},
        )
        content = raw_content(str(form), str(packed))
        try:
            text, content = content.decode(), b""
        except UnicodeDecodeError:
            text = ""
        rows.append(
            RawRow(
                filters.key,
                str(digest),
                str(name),
                str(source),
                moment(received),
                int(str(octets)),
                tuple(str(kind) for (kind,) in kinds),
                text,
                content,
            )
        )
    return ViewAnswer(rows)


def conflicts(engine: Engine, filters: Filters) -> ViewAnswer[ConflictRow]:
    """Other contents under the key of a stored report: not counted."""
    where, parameters = condition(filters, clock="received_at")
    sql = f"SELECT {columns(ConflictRow)} FROM conflicts AS t WHERE {where}"
    order = (Order("received_at", True), Order("report_key"), Order("content_digest"))
    return page(engine, filters, ViewQuery(sql, parameters, ConflictRow, order))
