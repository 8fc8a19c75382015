"""Reports as rows: lines of JSON for the tables, written to files with flat memory, however large a report is.

What a record has in common with its report (key, domain, day) is known when the report is read to its end; its lines
are kept without that, and each gets the common part put before it when they are copied to the rows of the batch.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from inalign.insight.names import reporter_of
from inalign.mail.organization import registrable_domain
from inalign.reports.flaw import Flaw
from inalign.reports.report import (
    AbuseReport,
    AggregateRecord,
    AggregateReport,
    DkimAuth,
    FailureReport,
    OverrideReason,
    Report,
    SpfAuth,
    TlsReport,
)
from inalign.store.load.geoip import CACHED, GeoLocation, Places
from inalign.store.schema.tables import COUNTERS, slot_of

MEMORY_OCTETS = 1 << 18
"""Of a report's lines; more go to a temporary file."""
MAX_TEXT = 1_000
"""Characters of a text that is a column of its own; the raw report has all of it."""

MAX_FROM_DOMAINS = 50_000
"""From domains of one report with sums of their own; some 20 MB. A forger can write another one in each record: the
records beyond are counted under no name."""
MAX_WHOLE = 10**15
"""Of a number that a reporter wrote; sums of thousands of them still fit into 64 bits."""
FIRST_DAY = date(2000, 1, 1)
DAYS_AHEAD = timedelta(days=31)
"""Reports of other days are put where they came: no mail was judged then, and a day stays for as long as its kind."""

_fast = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """JSON; what no UTF-8 has, half a surrogate pair, is replaced."""
    try:
        return _fast(value)
    except UnicodeEncodeError:
        return _fast(_clean(msgspec.to_builtins(value)))


def _clean(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_clean(key): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
        case _:
            return value


class StoredRecord(Struct, frozen=True, gc=False):
    """A row of `records`, as far as it is in the report: without its place, and what it has from the whole."""

    source_ip: str
    count: int
    disposition: str
    dkim_aligned: str
    spf_aligned: str
    dmarc: str
    header_from: str
    envelope_from: str
    envelope_to: str
    dkim: str
    spf: str
    reasons: str


class TableLines:
    """Lines of one table of one report; many of them in a file. They go from process to process as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buffered: list[bytes] = []
        """Several lines each, ends and all."""
        self._octets = 0
        self._path: Path | None = None
        self.count = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """JSON objects, without line ends. Raises `OSError`."""
        if not lines:
            return
        self._buffered.append(b"\n".join([*lines, b""]))
        self._octets += len(self._buffered[-1])
        self.count += len(lines)
        if self._octets > MEMORY_OCTETS:
            if self._path is None:
                descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".lines")
                os.close(descriptor)
                self._path = Path(name)
            with self._path.open("ab") as file:
                file.writelines(self._buffered)
            self._buffered, self._octets = [], 0

    def with_head(self, head: bytes) -> Iterator[bytes]:
        """The lines, several at a time, with the members of `head`, a JSON object, before the own ones of each.
        Raises `OSError`."""
        start = head[:-1] + b","
        for lines in self._all():
            # Within JSON there is no end of a line, so each of them is one.
            yield start + lines[1:].replace(b"\n{", b"\n" + start)

    def _all(self) -> Iterator[bytes]:
        if self._path is not None:
            with self._path.open("rb") as file:
                while lines := file.read(MEMORY_OCTETS):
                    yield lines + file.readline()
        yield from self._buffered

    def close(self) -> None:
        """Delete the temporary file, if the lines needed one."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


class AggregateRows:
    """The sink of a reader of aggregate reports: records become lines, sums and a digest."""

    def __init__(self, places: Places, folder: Path) -> None:
        self.folder = folder
        self._places = places
        self.lines = TableLines(folder)
        self.digest = hashlib.blake2b(digest_size=16)
        self.sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(COUNTERS))
        """By From domain: the counters of a rollup."""

    def __call__(self, records: Sequence[AggregateRecord]) -> None:
        """Add records of the report: their lines, their sums by From domain, and their part of the digest."""
        find = self._places.find
        places = [find(record.source_ip) for record in records]
        contents = list(map(_content, records))
        for record in records:
            self._sum(record)
        # What is known of an address changes with the databases; the same report stays the same.
        self.digest.update(b"".join(contents))
        self.lines.add(
            [
                b'{"row":%d,%b,%b' % (number, _members(place), content[1:])
                for number, place, content in zip(count(self.lines.count), places, contents, strict=False)
            ]
        )

    def _sum(self, record: AggregateRecord) -> None:
        dkim, spf = record.dkim_aligned, record.spf_aligned
        first = 0 if dkim and spf else 3 if dkim else 6 if spf else 9
        name = record.header_from[:MAX_TEXT]
        if len(self.sums) >= MAX_FROM_DOMAINS and name not in self.sums:
            name = ""
        sums = self.sums[name]
        sums[first + (1 if record.disposition == "quarantine" else 2 if record.disposition == "reject" else 0)] += (
            record.count
        )

    def totals(self) -> list[int]:
        """Return the counters over all From domains."""
        return [sum(column) for column in zip(*self.sums.values(), strict=True)] or [0] * len(COUNTERS)


def _content(record: AggregateRecord) -> bytes:
    dkim, spf = record.dkim_aligned, record.spf_aligned
    return encode(
        StoredRecord(
            record.source_ip or "",
            record.count,
            record.disposition[:MAX_TEXT],
            _word(dkim),
            _word(spf),
            "pass" if dkim or spf else "" if dkim is None and spf is None else "fail",
            record.header_from[:MAX_TEXT],
            (record.envelope_from or "")[:MAX_TEXT],
            (record.envelope_to or "")[:MAX_TEXT],
            _dkim(record.dkim),
            _spf(record.spf),
            _reasons(record.reasons),
        )
    )


@lru_cache(maxsize=CACHED)
def _members(place: GeoLocation) -> bytes:
    """Of the JSON object of a row."""
    return encode(
        {
            "source_key": place.source_key,
            "network": place.network,
            "country": place.country,
            "asn": place.asn,
            "as_name": place.as_name,
        }
    )[1:-1]


def _word(aligned: bool | None) -> str:
    return "" if aligned is None else "pass" if aligned else "fail"


def _dkim(results: tuple[DkimAuth, ...]) -> str:
    return encode([(each.domain, each.selector, each.result) for each in results]).decode() if results else "[]"


def _spf(results: tuple[SpfAuth, ...]) -> str:
    return encode([(each.domain, each.scope, each.result) for each in results]).decode() if results else "[]"


def _reasons(reasons: tuple[OverrideReason, ...]) -> str:
    return encode([(each.type, each.comment[:MAX_TEXT]) for each in reasons]).decode() if reasons else "[]"


class ReportRows(Struct):
    """A report, ready to be stored: its row, and the lines of its other tables."""

    report: Report
    """The parsed report, without its records."""
    key: str
    digest: str
    row: dict[str, str | int | bool]
    """Of `reports`, but for what is known only when it is loaded."""
    tables: dict[str, tuple[TableLines, bytes]]
    """By table: lines, and what each of them begins with."""

    def close(self) -> None:
        """Let go of temporary files."""
        for lines, _ in self.tables.values():
            lines.close()


def rows_of(report: Report, records: AggregateRows, *, places: Places, received: datetime) -> ReportRows:
    """The rows of a report. `records` is the sink that its records went to; of other kinds it is empty."""
    if isinstance(report, AggregateReport):
        return _aggregate(report, records, received)
    if isinstance(report, TlsReport):
        return _tls(report, received, records.folder)
    return _failure(report, places, received, records.folder)


def report_key(*parts: str | int) -> str:
    """The key of a report from what makes it one and the same."""
    return hashlib.blake2b(encode(parts), digest_size=16).hexdigest()


class Middle(NamedTuple):
    """When what a report tells was: the middle of its span, as columns have it."""

    day: date
    """The day of the middle, in UTC."""
    slot: int
    """Seconds since 1970, a whole quarter of an hour: from it the day follows in every zone."""

    @property
    def columns(self) -> dict[str, str | int]:
        """The columns `day` and `slot` of a row."""
        return {"day": self.day.isoformat(), "slot": self.slot}


def middle(begin: datetime | None, end: datetime | None, otherwise: datetime) -> Middle:
    """The middle of a span; `otherwise`, when it came, where there is none that can be."""
    time = begin + (end - begin) / 2 if begin is not None and end is not None else begin or end or otherwise
    last = otherwise.astimezone(UTC).date() + DAYS_AHEAD
    try:
        day = time.astimezone(UTC).date()
    except OverflowError:  # at either end of the calendar
        return _at(otherwise)
    return _at(time) if FIRST_DAY <= day <= last else _at(otherwise)


def _at(time: datetime) -> Middle:
    return Middle(time.astimezone(UTC).date(), slot_of(_seconds(time)))


def _whole(number: int) -> int:
    return max(0, min(number, MAX_WHOLE))


def _seconds(time: datetime | None) -> int:
    return int(time.timestamp()) if time is not None else 0


def _flaws(flaws: Sequence[Flaw]) -> str:
    return encode([(flaw.code, flaw.detail) for flaw in flaws]).decode()


def _common(report: Report, reporter: str, domain: str, org_domain: str, when: Middle) -> dict[str, str | int | bool]:
    return {
        "kind": report.kind,
        "reporter": reporter,
        "domain": domain,
        "org_domain": org_domain,
        **when.columns,
        "flaws": _flaws(report.flaws),
        "flaw_count": len(report.flaws),
    }


_EMPTY_ROW: dict[str, str | int | bool] = {
    "org_name": "", "email": "", "report_id": "", "begin_at": 0, "end_at": 0, "is_rfc9990": False,
    "version": "", "generator": "", "extra_contact_info": "", "p": "", "sp": "", "np": "", "adkim": "", "aspf": "",
    "fo": "", "pct": -1, "testing": "", "discovery_method": "", "errors": "", "records": 0,
    "messages": 0, "passed": 0, "none": 0, "quarantine": 0, "reject": 0,
}  # fmt: skip


def _aggregate(report: AggregateReport, records: AggregateRows, received: datetime) -> ReportRows:
    reporter = reporter_of(report.email, report.org_name)[:MAX_TEXT]
    domain = report.domain.strip().lower().rstrip(".")[:MAX_TEXT]
    org_domain = registrable_domain(domain)
    begin, end = _seconds(report.begin), _seconds(report.end)
    when = middle(report.begin, report.end, received)
    key = report_key("aggregate", reporter, domain, report.report_id, begin, end)
    policy, totals = report.policy, records.totals()
    row = _EMPTY_ROW | _common(report, reporter, domain, org_domain, when)
    row |= {
        "org_name": report.org_name[:MAX_TEXT],
        "email": report.email[:MAX_TEXT],
        "report_id": report.report_id[:MAX_TEXT],
        "begin_at": begin,
        "end_at": end,
        "is_rfc9990": report.rfc9990,
        "version": report.version[:MAX_TEXT],
        "generator": report.generator[:MAX_TEXT],
        "extra_contact_info": report.extra_contact_info[:MAX_TEXT],
        "p": policy.p[:MAX_TEXT],
        "sp": policy.sp[:MAX_TEXT],
        "np": policy.np[:MAX_TEXT],
        "adkim": policy.adkim[:MAX_TEXT],
        "aspf": policy.aspf[:MAX_TEXT],
        "fo": policy.fo[:MAX_TEXT],
        "pct": -1 if policy.pct is None else _whole(policy.pct),
        "testing": policy.testing[:MAX_TEXT],
        "discovery_method": policy.discovery_method[:MAX_TEXT],
        "errors": encode(report.errors).decode() if report.errors else "",
        "records": records.lines.count,
        "messages": sum(totals),
        "passed": sum(totals[:9]),
        "none": sum(totals[0::3]),
        "quarantine": sum(totals[1::3]),
        "reject": sum(totals[2::3]),
    }
    records.digest.update(encode(report.policy))
    shared = {
        "report_key": key, "domain": domain, "org_domain": org_domain, "reporter": reporter, **when.columns,
    }  # fmt: skip
    rollups = TableLines(records.folder)
    rollups.add(
        [encode({"header_from": name, **dict(zip(COUNTERS, sums, strict=True))}) for name, sums in records.sums.items()]
    )
    head = encode(shared | {"begin_at": begin, "end_at": end, "is_rfc9990": report.rfc9990})
    return ReportRows(
        msgspec.structs.replace(report, records=()),
        key,
        records.digest.hexdigest(),
        row,
        {"records": (records.lines, head), "domain_rollups": (rollups, encode(shared))},
    )


def _tls(report: TlsReport, received: datetime, folder: Path) -> ReportRows:
    reporter = reporter_of(report.contact_info, report.organization_name)[:MAX_TEXT]
    domain = next((each.policy_domain for each in report.policies if each.policy_domain), "").lower().rstrip(".")
    domain = domain[:MAX_TEXT]
    begin, end = _seconds(report.begin), _seconds(report.end)
    when = middle(report.begin, report.end, received)
    key = report_key("tls", reporter, domain, report.report_id, begin, end)
    policies, failures = TableLines(folder), TableLines(folder)
    for number, policy in enumerate(report.policies):
        of = policy.policy_domain.lower().rstrip(".")[:MAX_TEXT] or domain
        where = {"row": number, "domain": of, "org_domain": registrable_domain(of)}
        what = {"policy_type": policy.policy_type[:MAX_TEXT]}
        policies.add(
            [
                encode(
                    where
                    | what
                    | {
                        "successful": _whole(policy.successful),
                        "failed": _whole(policy.failed),
                    }
                )
            ]
        )
        failures.add(
            [
                encode(
                    where
                    | what
                    | {
                        "place": place,
                        "result_type": failure.result_type[:MAX_TEXT],
                        "sending_ip": failure.sending_mta_ip or "",
                        "receiving_mx": failure.receiving_mx_hostname[:MAX_TEXT],
                        "sessions": _whole(failure.failed_sessions),
                        "reason_code": failure.failure_reason_code[:MAX_TEXT],
                    }
                )
                for place, failure in enumerate(policy.failures)
            ]
        )
    successful = sum(_whole(policy.successful) for policy in report.policies)
    failed = sum(_whole(policy.failed) for policy in report.policies)
    row = _EMPTY_ROW | _common(report, reporter, domain, registrable_domain(domain), when)
    row |= {
        "org_name": report.organization_name[:MAX_TEXT],
        "email": report.contact_info[:MAX_TEXT],
        "report_id": report.report_id[:MAX_TEXT],
        "begin_at": begin,
        "end_at": end,
        "records": len(report.policies),
        "messages": successful + failed,
        "passed": successful,
    }
    shared = {"report_key": key, "reporter": reporter, **when.columns}
    return ReportRows(
        report,
        key,
        hashlib.blake2b(encode(report.policies), digest_size=16).hexdigest(),
        row,
        {
            "tls_policies": (policies, encode(shared | {"begin_at": begin, "end_at": end})),
            "tls_failures": (failures, encode(shared)),
        },
    )


def _failure(report: FailureReport | AbuseReport, places: Places, received: datetime, folder: Path) -> ReportRows:
    reporter = reporter_of(report.reporter, report.user_agent)[:MAX_TEXT]
    domain = (report.reported_domain or report.header_from).lower().rstrip(".")[:MAX_TEXT]
    place = places.find(report.source_ip)
    arrived = report.arrival_date or received
    incidents = _whole(report.incidents) if isinstance(report, FailureReport) else 1
    digest = hashlib.blake2b(encode(report), digest_size=16).hexdigest()
    key = report_key(report.kind, reporter, domain, digest)
    failed = report.failed_mechanisms if isinstance(report, FailureReport) else ()
    one = TableLines(folder)
    one.add(
        [
            encode(
                {
                    "kind": report.kind,
                    "domain": domain,
                    "org_domain": registrable_domain(domain),
                    "arrived_at": _seconds(report.arrival_date),
                    "received_at": _seconds(received),
                    "source_ip": report.source_ip or "",
                    "source_key": place.source_key,
                    "network": place.network,
                    "country": place.country,
                    "asn": place.asn,
                    "as_name": place.as_name,
                    "auth_failure": " ".join(report.auth_failure) if isinstance(report, FailureReport) else "",
                    "failed": " ".join(failed),
                    "delivery_result": report.delivery_result if isinstance(report, FailureReport) else "",
                    "header_from": report.header_from[:MAX_TEXT],
                    "envelope_from": (report.original_mail_from or "")[:MAX_TEXT]
                    if isinstance(report, FailureReport)
                    else "",
                    "display_name": report.display_name[:MAX_TEXT] if isinstance(report, FailureReport) else "",
                    "subject": report.subject[:MAX_TEXT],
                    "message_id": report.message_id[:MAX_TEXT],
                    "agent": report.user_agent[:MAX_TEXT],
                    "incidents": incidents,
                    "sample": report.sample_header if isinstance(report, FailureReport) else "",
                }
            )
        ]
    )
    when = middle(arrived, None, received)
    row = _EMPTY_ROW | _common(report, reporter, domain, registrable_domain(domain), when)
    row |= {
        "email": report.reporter[:MAX_TEXT],
        "begin_at": _seconds(arrived),
        "end_at": _seconds(arrived),
        "records": 1,
        "messages": incidents,
    }
    shared = {"report_key": key, "reporter": reporter, **when.columns}
    return ReportRows(report, key, digest, row, {"failures": (one, encode(shared))})
