"""The vectors of reports, one oddity each, and what is read from them: what the tests and docs/robustness.md tell."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from inalign.reports.read import read_reports
from inalign.reports.report import AggregateReport, FailureReport, ReadOutcome, Report, TlsReport
from tests.helpers import VECTORS

FOLDER = VECTORS / "reports"
Group = Literal["aggregate", "mail", "tls", "failure"]
Value = str | int | bool | None
Row = tuple[Value, ...]
BOUNDARY = b"=_report"

GROUPS: dict[Group, tuple[str, str]] = {
    "aggregate": ("Aggregate reports", "The XML itself, `tests/vectors/reports/aggregate/variants`."),
    "mail": ("Mails, archives, compression", "Whole reports in odd packings, `tests/vectors/reports/mail/variants`."),
    "tls": ("TLS reports", "The JSON itself, `tests/vectors/reports/tls/variants`."),
    "failure": (
        "Failure and abuse reports",
        "Feedback part and reported message, in the same mail each; `tests/vectors/reports/failure/variants`.",
    ),
}
"""Title and sentence of each."""


class Told(Struct, frozen=True):
    """A report as both sides tell it: values by name, and rows that are compared as a multiset."""

    kind: str
    id: str
    values: dict[str, Value]
    rows: list[Row]
    """Aggregate: source, count, disposition, DKIM and SPF aligned, From domain. TLS: policy type and domain, sessions
    that succeeded and failed."""
    messages: int


class Answer(Struct, frozen=True):
    """What one side makes of some octets."""

    reports: list[Told]
    flaws: list[str] = []
    refused: list[str] = []


def vectors(group: Group) -> dict[str, bytes]:
    """Files by name; feedback and sample of a failure report as the mail that carries them."""
    folder = FOLDER / group / "variants"
    if group != "failure":
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return {path.stem: _carried(path) for path in sorted(folder.glob("*.feedback"))}


def _carried(feedback: Path) -> bytes:
    sample = feedback.with_suffix(".sample")
    parts = [
        b"Content-Type: text/plain\r\n\r\nThis is an authentication failure report.",
        b"Content-Type: message/feedback-report\r\n\r\n" + feedback.read_bytes(),
    ]
    if sample.exists():
        parts.append(b"Content-Type: message/rfc822\r\n\r\n" + sample.read_bytes())
    head = (
        b"From: dmarc@example.net\r\nTo: reports@example.com\r\nSubject: FW: Mail of yours failed\r\n"
        b"Date: Mon, 23 Nov 2026 00:20:00 +0000\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="%b"\r\n' % BOUNDARY
    )
    body = b"".join(b"\r\n--%b\r\n%b" % (BOUNDARY, part) for part in parts)
    return head + body + b"\r\n--%b--\r\n" % BOUNDARY


def answer(octets: bytes, name: str) -> Answer:
    """What Inalign makes of them."""
    return told(read_reports(octets, name))


def told(outcome: ReadOutcome) -> Answer:
    """An outcome in short; flaws and refusals as sorted codes."""
    flaws = [*outcome.flaws, *(flaw for report in outcome.reports for flaw in report.flaws)]
    return Answer(
        [_report(report) for report in outcome.reports],
        sorted({flaw.code for flaw in flaws}),
        sorted(refusal.code for refusal in outcome.refused),
    )


def _report(report: Report) -> Told:
    if isinstance(report, AggregateReport):
        return Told(
            report.kind,
            report.report_id,
            {
                "organization": report.org_name,
                "id": report.report_id,
                "domain": report.domain,
                "begin": _time(report.begin),
                "end": _time(report.end),
                "p": report.policy.p,
            },
            [
                (one.source_ip, one.count, one.disposition, one.dkim_aligned, one.spf_aligned, one.header_from)
                for one in report.records
            ],
            report.messages,
        )
    if isinstance(report, TlsReport):
        rows: list[Row] = [(one.policy_type, one.policy_domain, one.successful, one.failed) for one in report.policies]
        return Told(
            report.kind,
            report.report_id,
            {
                "organization": report.organization_name,
                "id": report.report_id,
                "begin": _time(report.begin),
                "end": _time(report.end),
                "failures": sum(len(one.failures) for one in report.policies),
            },
            rows,
            sum(one.successful + one.failed for one in report.policies),
        )
    values: dict[str, Value] = {
        "source": report.source_ip,
        "domain": report.reported_domain,
        "arrival": _time(report.arrival_date),
    }
    if isinstance(report, FailureReport):
        values["failure"] = " ".join(report.auth_failure)
        values["recipients"] = " ".join(report.original_rcpt_to)
    return Told(report.kind, "", values, [], 1)


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None


def column(found: Answer) -> str:
    """Our column of the table."""
    parts = []
    if found.reports:
        many = f" {len(found.reports)} reports" if len(found.reports) > 1 else ""
        read = "mended" if found.flaws else "read"
        parts.append(f"{read}{many}, {sum(report.messages for report in found.reports)}")
        if found.flaws:
            parts.append(f"({', '.join(found.flaws)})")
    if found.refused:
        parts.append(("; " if parts else "") + f"refused: {', '.join(found.refused)}")
    return " ".join(parts).replace(" ;", ";")
