"""Reports of the tests, as typed values, and how they are stored."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from inalign.reports.report import (
    AggregateRecord,
    AggregateReport,
    DkimAuth,
    FailureReport,
    OverrideReason,
    PublishedPolicy,
    Report,
    SpfAuth,
    TlsFailure,
    TlsPolicy,
    TlsReport,
)
from inalign.store.engine.interface import Engine
from inalign.store.load.geoip import Places
from inalign.store.load.reports import Arrival, LoadOutcome, Raw, load
from inalign.store.load.rows import AggregateRows, rows_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PLACES = Places()


def record(
    source_ip: str | None = "192.0.2.1",
    count: int = 1,
    *,
    dkim: bool | None = True,
    spf: bool | None = False,
    disposition: str = "none",
    header_from: str = "example.com",
    reasons: tuple[OverrideReason, ...] = (),
) -> AggregateRecord:
    return AggregateRecord(
        source_ip,
        count,
        disposition,
        dkim,
        spf,
        header_from,
        "bounce.example.net",
        None,
        (DkimAuth("example.com", "s1", "pass" if dkim else "fail"),),
        (SpfAuth("bounce.example.net", "mfrom", "pass" if spf else "softfail"),),
        reasons,
    )


def aggregate(
    *records: AggregateRecord,
    report_id: str = "1",
    domain: str = "example.com",
    org: str = "reporter.example",
    day: int = 0,
) -> AggregateReport:
    begin = NOW.replace(hour=0) - timedelta(days=1 + day)
    return AggregateReport(
        org,
        f"dmarc@{org}",
        "",
        report_id,
        domain,
        begin,
        begin + timedelta(hours=23, minutes=59, seconds=59),
        PublishedPolicy(domain=domain, p="none", pct=100),
        records or (record(),),
    )


def failure(**changes: object) -> FailureReport:
    made = FailureReport(
        "192.0.2.9",
        "example.com",
        ("dmarc",),
        NOW,
        reporter="ruf@reporter.example",
        subject="こんにちは",
        header_from="example.com",
    )
    return replace(made, **changes)


def tls(report_id: str = "t1") -> TlsReport:
    failing = TlsFailure("certificate-expired", "192.0.2.7", "mx.example.com", "", None, 3)
    return TlsReport(
        "Reporter",
        report_id,
        "tls@reporter.example",
        NOW - timedelta(days=1),
        NOW,
        (TlsPolicy("sts", "example.com", ("version: STSv1",), ("mx.example.com",), 97, 3, (failing,)),),
    )


def arrival(report: Report, *, carrier: str = "genuine", received: datetime = NOW, raw: str = "") -> Arrival:
    sink = AggregateRows(PLACES, Path(tempfile.gettempdir()))
    if isinstance(report, AggregateReport):
        sink(report.records)
    rows = rows_of(report, sink, places=PLACES, received=received)
    return Arrival(rows, "test", received, raw, carrier, "", "")


def raw(content: bytes, form: str = "deflate") -> Raw:
    packed = zlib.compress(content) if form == "deflate" else content
    return Raw(digest_of(content), "r.xml", "test", NOW, len(content), form, base64.b64encode(packed))


def digest_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def store(engine: Engine, folder: Path, *reports: Report | Arrival, raws: Sequence[bytes] = ()) -> list[LoadOutcome]:
    arrivals = [each if isinstance(each, Arrival) else arrival(each) for each in reports]
    kept = [raw(each) for each in raws]
    try:
        return load(engine, arrivals, kept, now=NOW, folder=folder)
    finally:
        for each in arrivals:
            each.rows.close()
