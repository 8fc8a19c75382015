"""What is around a report: mail, archives, compression, in any nesting; known by the octets, and bounded."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.reports.limits import ContainerLimits
from inalign.reports.read import read_pieces, read_reports
from inalign.reports.report import AggregateRecord, AggregateReport, ReadOutcome
from tests.reports.material import report_xml

VECTORS = Path(__file__).parents[1] / "vectors" / "reports"
XML = report_xml(1)
TLS = json.dumps(
    {
        "organization-name": "Reporter",
        "date-range": {"start-datetime": "2025-11-20T00:00:00Z", "end-datetime": "2025-11-20T23:59:59Z"},
        "contact-info": "tls@reporter.example",
        "report-id": "1",
        "policies": [
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": "example.com"},
                "summary": {"total-successful-session-count": 3, "total-failure-session-count": 0},
            }
        ],
    }
).encode()


def zipped(*entries: tuple[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return octets.getvalue()


def tarred(*entries: tuple[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return octets.getvalue()


def mail(*attachments: tuple[bytes, str, str], text: str = "See the attachment.") -> bytes:
    made = EmailMessage()
    made["From"] = "dmarc@reporter.example"
    made["Subject"] = "Report"
    made.set_content(text)
    for data, kind, name in attachments:
        main, _, sub = kind.partition("/")
        made.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return made.as_bytes()


def ids(outcome: ReadOutcome) -> list[str]:
    return [report.report_id for report in outcome.reports if isinstance(report, AggregateReport)]


def codes(outcome: ReadOutcome) -> list[str]:
    return [refusal.code for refusal in outcome.refused]


WHOLE = {
    "plain": XML,
    "gzip": gzip.compress(XML),
    "gzip in gzip": gzip.compress(gzip.compress(XML)),
    "two gzip members": gzip.compress(XML[:200]) + gzip.compress(XML[200:]),
    "gzip with zeros and junk behind": gzip.compress(XML) + b"\0\0\0junk",
    "gzip with a name": b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"report.xml\0" + gzip.compress(XML)[10:],
    "zlib": zlib.compress(XML),
    "zip": zipped(("r.xml", XML)),
    "zip with a folder and what macOS adds": zipped(
        ("d/", b""), ("__MACOSX/d/._r.xml", b"\0\5\x16\7"), ("d/r.xml", XML)
    ),
    "zip in zip": zipped(("r.zip", zipped(("r.xml", XML)))),
    "gzip in zip": zipped(("r.xml.gz", gzip.compress(XML))),
    "tar": tarred(("r.xml", XML)),
    "tar.gz": gzip.compress(tarred(("d/r.xml", XML))),
    "mail with gzip": mail((gzip.compress(XML), "application/gzip", "r.xml.gz")),
    "mail with zip called gzip": mail((zipped(("r.xml", XML)), "application/gzip", "r.xml.gz")),
    "mail with gzip called zip": mail((gzip.compress(XML), "application/zip", "r.zip")),
    "mail with a strange type": mail((gzip.compress(XML), "application/octet-stream", "r.bin")),
    "mail with text/xml": mail((XML, "text/xml", "r.xml")),
    "mail with a .txt": mail((XML, "application/x-report", "r.txt")),
    "mail within a mail": mail(
        (mail((gzip.compress(XML), "application/gzip", "r.xml.gz")), "application/octet-stream", "m.eml")
    ),
    "mail that is the report": b"From: a@reporter.example\r\nContent-Type: text/xml\r\n\r\n" + XML,
    "mail that is the report, quoted-printable": b"From: a@reporter.example\r\nContent-Type: text/xml\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    + XML.replace(b"=", b"=3D").replace(b"</feed", b"=\r\n</feed"),
    "mail with base64 that has stray letters and no padding": b"From: a@reporter.example\r\n"
    b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode(gzip.compress(XML)).rstrip(b"=").replace(b"A", b"A *\r\n"),
    "mail with ContentType": mail((gzip.compress(XML), "application/gzip", "r.xml.gz")).replace(
        b"Content-Type: application", b"ContentType: application"
    ),
    "mail without the end of its multipart": mail((gzip.compress(XML), "application/gzip", "r.xml.gz")).rpartition(
        b"--\n"
    )[0],
    "mail with bare LFs and one CRLF": mail((XML, "text/xml", "r.xml")) + b"\r\n",
    "mail from a mailbox file": b"From a@reporter.example Thu Nov 20 00:00:00 2025\n"
    + mail((XML, "text/xml", "r.xml")),
    "forwarded with message/rfc822": b'From: a@example.com\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n'
    b"Content-Type: message/rfc822\n\n" + mail((XML, "text/xml", "r.xml")) + b"\n--b--\n",
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_report_is_found_without_a_flaw(data: bytes) -> None:
    outcome = read_reports(data, "it")
    assert ids(outcome) == ["1"]
    assert [report.flaws for report in outcome.reports] == [()]
    assert (outcome.flaws, outcome.refused) == ((), ())


def test_every_report_of_an_archive_and_of_a_mail_is_read() -> None:
    archive = zipped(*[(f"{number}.xml", report_xml(number)) for number in range(3)])
    data = mail(
        (archive, "application/zip", "a.zip"),
        (gzip.compress(report_xml(7)), "application/gzip", "b.gz"),
        (TLS, "application/tlsrpt+json", "t.json"),
    )
    outcome = read_reports(data)
    assert ids(outcome) == ["0", "1", "2", "7"]
    assert [report.kind for report in outcome.reports][-1] == "tls"
    assert outcome.refused == ()


def test_what_is_there_of_a_container_that_ends_early_is_read() -> None:
    text = XML.replace(b"</feedback>", b"<!--" + random.Random(1).randbytes(3000).hex().encode() + b"--></feedback>")
    outcome = read_reports(gzip.compress(text)[:-500])
    assert ids(outcome) == ["1"]
    assert "truncated" in [flaw.code for flaw in outcome.flaws]


def test_entries_of_a_zip_without_its_directory_are_found() -> None:
    outcome = read_reports(zipped(("a.xml", report_xml(1)), ("b.xml", report_xml(2)))[:-100])
    assert ids(outcome) == ["1", "2"]
    assert [flaw.code for flaw in outcome.flaws] == ["damaged"]


REFUSED = {
    "nothing": (b"", "no_report"),
    "words": (b"hello world\n", "no_report"),
    "a mail without a report": (
        b"From: a@b.example\r\nSubject: =?iso-2022-jp?b?GyRCJDMbKEI=?=\r\n\r\nhi\r\n",
        "no_report",
    ),
    "an empty archive": (zipped(), "no_report"),
    "other XML": (b"<html><body>no</body></html>", "no_report"),
    "other JSON": (b'{"a": 1}', "no_report"),
    "an unknown compression": (bz2.compress(XML), "unsupported"),
    "entities": (b'<!DOCTYPE feedback [<!ENTITY a "aaaa">]>' + XML.partition(b"?>")[2], "entities"),
    "garbage in gzip": (b"\x1f\x8b\x08\x00garbage", "no_report"),
    "no whole gzip header": (b"\x1f\x8b\x08", "damaged"),
    "a bomb": (gzip.compress(b"<feedback>" + b"a" * (40 << 20)), "bomb"),
    "a bomb in layers": (gzip.compress(gzip.compress(b"<a>" + b"\0" * (60 << 20), 9), 9), "bomb"),
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_has_a_reason(data: bytes, code: str) -> None:
    outcome = read_reports(data, "it")
    assert outcome.reports == ()
    assert codes(outcome) == [code]
    assert all(len(refusal.detail) <= 200 for refusal in outcome.refused)


def test_encrypted_entry_is_named_and_the_others_are_read() -> None:
    data = bytearray(zipped(("secret.xml", XML), ("r.xml", report_xml(2))))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    outcome = read_reports(bytes(data))
    assert ids(outcome) == ["2"]
    assert codes(outcome) == ["encrypted"]
    assert "secret.xml" in outcome.refused[0].detail


def test_bomb_beside_a_report_costs_only_itself() -> None:
    bomb = gzip.compress(b"<feedback>" + b"a" * (40 << 20))
    outcome = read_reports(mail((bomb, "application/gzip", "b.gz"), (XML, "text/xml", "r.xml")))
    assert ids(outcome) == ["1"]
    assert codes(outcome) == ["bomb"]


def test_depth_and_number_of_containers_are_bounded() -> None:
    deep = XML
    for _ in range(ContainerLimits().depth + 1):
        deep = gzip.compress(deep)
    assert codes(read_reports(deep)) == ["too_deep"]
    nested = XML
    for number in range(200):
        nested = b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (number, number) + nested
    assert codes(read_reports(b"From: a@b.example\r\n" + nested)) == ["too_deep"]
    limits = ContainerLimits(entries=5, archive_bytes=50_000)
    many = zipped(*[(f"{number}.xml", report_xml(number)) for number in range(9)])
    assert "too_many" in [refusal.code for refusal in read_pieces([many], limits=limits)[2]]
    large = zipped(("r.bin", random.Random(2).randbytes(60_000)))
    pieces = [large[:10_000], large[10_000:]]
    assert [refusal.code for refusal in read_pieces(pieces, limits=limits)[2]] == ["too_large"]


def test_records_of_each_report_go_to_a_sink_of_its_own() -> None:
    sinks: list[list[AggregateRecord]] = []

    def make() -> Callable[[object], None]:
        sinks.append([])
        return sinks[-1].extend  # type: ignore[return-value]  # of any sequence

    data = zipped(("a.xml", report_xml(1)), ("b.xml", report_xml(2)))
    found, _, _ = read_pieces((data[start : start + 7] for start in range(0, len(data), 7)), None, make)
    assert [len(sink) for sink in sinks] == [1, 1]
    assert [report.records for report, _ in found if isinstance(report, AggregateReport)] == [(), ()]


@pytest.mark.parametrize("path", sorted((VECTORS / "mail").glob("*.eml")), ids=lambda path: path.name)
def test_mails_of_the_wild(path: Path) -> None:
    outcome = read_reports(path.read_bytes(), path.name)
    assert [report.kind for report in outcome.reports] == ["aggregate"]
    assert outcome.refused == ()


seeds = st.sampled_from(list(WHOLE.values()))


@given(data=st.binary(max_size=400))
def test_any_octets_give_an_outcome(data: bytes) -> None:
    outcome = read_reports(data)
    assert outcome.reports or outcome.refused
    assert "internal" not in codes(outcome)


@given(data=seeds, place=st.integers(0, 3000), change=st.binary(min_size=1, max_size=4), cut=st.integers(0, 2000))
def test_damaged_containers_give_an_outcome(data: bytes, place: int, change: bytes, cut: int) -> None:
    place %= len(data)
    damaged = (data[:place] + change + data[place + len(change) :])[: max(1, len(data) - cut)]
    outcome = read_reports(damaged)
    assert outcome.reports or outcome.refused
    assert "internal" not in codes(outcome), outcome.refused
