"""What reporters send about the made-up mail: day by day and reporter by reporter, as files that the intake reads.

The same day before today has the same mail whenever it is made.
"""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from inalign.mail.organization import is_same_organization
from inalign.sample.stories import DAYS, Domain, Reporter, Stream, addresses, dice, stories

RFC9990 = "urn:ietf:params:xml:ns:dmarc-2.0"
WEEKEND = 5


class SampleDocument(NamedTuple):
    """A file as it came, and when."""

    name: str
    content: bytes
    received: datetime


class SampleRecord(NamedTuple):
    """A record."""

    address: str
    messages: int
    stream: Stream


def documents(today: date) -> Iterator[SampleDocument]:
    """Those of the days before one, the oldest first."""
    mail = {(domain.name, stream): addresses(domain, stream) for domain in stories().domain for stream in domain.stream}
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        rows = {domain.name: list(_rows(domain, mail, day, ago)) for domain in stories().domain}
        for reporter in stories().reporter:
            if ago > reporter.silent_since:
                yield _of_a_day(reporter, rows, day, ago)
        if ago <= 30:
            yield _tls(day, ago)
        if ago in (3, 4, 9):
            yield _failure(day, ago)
        if ago == 2:
            whole = gzip.compress(b"<feedback>" + b" " * 2_000, mtime=0)
            yield SampleDocument("example.net!aozora-shop.example!damaged.xml.gz", whole[: len(whole) // 2], _noon(day))


def _rows(domain: Domain, mail: dict[tuple[str, Stream], list[str]], day: date, ago: int) -> Iterator[SampleRecord]:
    for stream in domain.stream:
        rest = dice(domain.name, stream.addresses, stream.spf, ago)
        left = round(_volume(stream, day, ago) * rest.uniform(0.85, 1.15))
        sources = mail[domain.name, stream]
        if len(sources) > 12:  # a crowd: each day others, with a few messages each
            crowd = rest.sample(sources, min(len(sources), max(1, left // 4)))
            each = max(1, left // len(crowd))
            yield from (SampleRecord(address, each, stream) for address in crowd if left >= each)
            continue
        for place, address in enumerate(sources):
            count = left if place == len(sources) - 1 else round(left * rest.uniform(0.3, 0.6))
            left -= count
            if count > 0:
                yield SampleRecord(address, count, stream)


def _volume(stream: Stream, day: date, ago: int) -> int:
    first, last = stream.days
    if not last <= ago <= first:
        return 0
    if stream.monthly and day.day == 25:
        return stream.monthly
    if stream.bursts is not None and ago % stream.bursts[1] >= stream.bursts[0]:
        return 0
    return stream.weekend if day.weekday() >= WEEKEND else stream.volume


# Reports


def _of_a_day(reporter: Reporter, rows: dict[str, list[SampleRecord]], day: date, ago: int) -> SampleDocument:
    """One archive with the reports about all domains."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if reporter.hour:
        begin -= timedelta(hours=24 - reporter.hour)
    end = begin + timedelta(days=1)
    rest = dice(reporter.name, ago)
    label = reporter.name.lower().replace(" ", "-")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for domain in stories().domain:
            seen = [row._replace(messages=_part(row.messages, reporter.share, rest)) for row in rows[domain.name]]
            seen = [row for row in seen if row.messages]
            if seen:
                name = f"{label}!{domain.name}!{begin.timestamp():.0f}!{end.timestamp() - 1:.0f}.xml"
                archive.writestr(
                    zipfile.ZipInfo(name), _report(reporter, domain, seen, (begin, end), ago), zipfile.ZIP_DEFLATED
                )
    return SampleDocument(f"{label}!{day}.zip", content.getvalue(), end + timedelta(hours=rest.uniform(2, 9)))


def _part(count: int, share: int, rest: random.Random) -> int:
    """The part of messages that one reporter saw."""
    if count > 200:
        return round(count * share / 100 * rest.uniform(0.9, 1.1))
    return sum(rest.random() * 100 < share for _ in range(count))


def _report(
    reporter: Reporter, domain: Domain, rows: list[SampleRecord], day: tuple[datetime, datetime], ago: int
) -> bytes:
    begin, end = day
    record = dict(part.strip().split("=", 1) for part in domain.record(ago).split(";"))
    p = record["p"]
    root = Element("feedback", {"xmlns": RFC9990} if reporter.rfc9990 else {})
    _texts(root, version="1.0")
    metadata = SubElement(root, "report_metadata")
    _texts(metadata, org_name=reporter.name, email=reporter.email, report_id=f"{begin:%Y%m%d}.{domain.name}")
    span = SubElement(metadata, "date_range")
    _texts(span, begin=f"{begin.timestamp():.0f}", end=f"{end.timestamp() - 1:.0f}")
    published = SubElement(root, "policy_published")
    _texts(published, domain=domain.name, adkim="r", aspf="r", p=p, sp=p)
    if reporter.rfc9990:
        _texts(published, np=record.get("np", p), testing="n", discovery_method="treewalk")
    else:
        _texts(published, pct="100")
    for row in rows:
        _add_record(root, domain, row, p)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root) + b"\n"


def _add_record(root: Element, domain: Domain, seen: SampleRecord, p: str) -> None:
    stream = seen.stream
    spf_domain, spf = stream.spf.format(domain.name).split()
    signatures = [each.format(domain.name).rsplit(maxsplit=2) for each in stream.dkim]
    by_dkim = any(result == "pass" and is_same_organization(name, domain.name) for name, _, result in signatures)
    by_spf = spf == "pass" and is_same_organization(spf_domain, domain.name)
    is_spared = by_dkim or by_spf or bool(stream.reason)
    record = SubElement(root, "record")
    row = SubElement(record, "row")
    _texts(row, source_ip=seen.address, count=str(seen.messages))
    evaluated = SubElement(row, "policy_evaluated")
    _texts(evaluated, disposition="none" if is_spared else p)
    _texts(evaluated, dkim="pass" if by_dkim else "fail", spf="pass" if by_spf else "fail")
    if stream.reason:
        _texts(SubElement(evaluated, "reason"), type=stream.reason)
    identifiers = SubElement(record, "identifiers")
    _texts(identifiers, header_from=stream.sender.format(domain.name), envelope_from=spf_domain)
    results = SubElement(record, "auth_results")
    for name, selector, result in signatures:
        _texts(SubElement(results, "dkim"), domain=name, selector=selector, result=result)
    _texts(SubElement(results, "spf"), domain=spf_domain, scope="mfrom", result=spf)


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


# Others


def _tls(day: date, ago: int) -> SampleDocument:
    domain = stories().domain[0].name
    failed = 14 if 12 <= ago <= 15 else 0
    report = {
        "organization-name": "Google Inc.",
        "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "contact-info": "smtp-tls-reporting@google.com",
        "report-id": f"{day}_{domain}",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": ["version: STSv1", "mode: testing", "mx: smtp.google.com", "max_age: 604800"],
                    "policy-domain": domain,
                },
                "summary": {"total-successful-session-count": 260 + 3 * ago, "total-failure-session-count": failed},
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "209.85.220.41",
                        "receiving-mx-hostname": "smtp.google.com",
                        "failed-session-count": failed,
                    }
                ][: 1 if failed else 0],
            }
        ],
    }
    return SampleDocument(f"google.com!{domain}!{day}.json", msgspec.json.encode(report), _noon(day))


def _failure(day: date, ago: int) -> SampleDocument:
    domain = stories().domain[1]
    address = addresses(domain, domain.stream[4])[ago]
    message = (
        f"From: MIDORI BANK <notice@{domain.name}>\r\nTo: <undisclosed@customer.example>\r\n"
        f"Subject: Your account is locked\r\nDate: {day:%a, %d %b %Y} 04:12:0{ago} +0000\r\n"
        f"Message-ID: <{ago}.lock@{domain.name}>\r\n"
    )
    text = (
        f"From: noreply@reporter.example\r\nTo: dmarc@{domain.name}\r\nSubject: FW: Your account is locked\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=part\r\n\r\n"
        "--part\r\nContent-Type: text/plain\r\n\r\nA message in your name failed DMARC.\r\n"
        "--part\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\n"
        f"User-Agent: Reporter/1\r\nVersion: 1\r\nAuth-Failure: dmarc\r\nSource-IP: {address}\r\n"
        f"Reported-Domain: {domain.name}\r\nIdentity-Alignment: none\r\nDelivery-Result: spam\r\n"
        f"Arrival-Date: {day:%a, %d %b %Y} 04:12:3{ago} +0000\r\nOriginal-Mail-From: <notice@{domain.name}>\r\n"
        f"Authentication-Results: mx.reporter.example; dmarc=fail header.from={domain.name}\r\n"
        f"--part\r\nContent-Type: text/rfc822-headers\r\n\r\n{message}\r\n--part--\r\n"
    )
    return SampleDocument("", text.encode(), _noon(day))


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
