"""Where labels, encodings and structure of what carries reports are wrong, and what a bomb may cost."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inalign.reports.containers.chunks import Chunks, Meter
from inalign.reports.containers.mime import base64_octets, read_part
from inalign.reports.limits import ContainerLimits
from inalign.reports.read import read_pieces, read_reports
from inalign.reports.report import AbuseReport, AggregateRecord, FailureReport, ReadOutcome
from tests.reports.material import report_xml
from tests.reports.test_read import TLS, XML, codes, ids, mail, tarred, zipped

PACKED = gzip.compress(XML)
BOMB = gzip.compress(b"<feedback>" + b"a" * (40 << 20))
FROM = b"From: dmarc@reporter.example\r\n"


def encoded(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def uuencoded(octets: bytes) -> bytes:
    lines = [binascii.b2a_uu(octets[place : place + 45]) for place in range(0, len(octets), 45)]
    return b"begin 644 r.xml.gz\r\n" + b"".join(lines) + b"`\r\nend\r\n"


class Pipe(io.RawIOBase):
    """A file that cannot go back, so that a zip is written with data descriptors."""

    def __init__(self) -> None:
        self.octets = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, octets: object) -> int:
        piece = bytes(octets)  # type: ignore[call-overload]  # the typed form of a buffer is newer than 3.11
        self.octets += piece
        return len(piece)


def piped(method: int) -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        archive.writestr("r.xml", XML)
    return bytes(pipe.octets)


def stored(name: str, octets: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, octets)
    return made.getvalue()


PART = b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded(PACKED)
WRONG = {
    "text/plain without a name": FROM + b"Content-Type: text/plain\r\n" + PART.partition(b"\r\n")[2],
    "base64 that is not told": FROM + b"Content-Type: application/gzip; name=r.gz\r\n\r\n" + encoded(PACKED),
    "base64 of XML and no type": FROM + b"\r\n" + encoded(XML),
    "quoted-printable that is not told": FROM + b"Content-Type: text/xml\r\n\r\n" + binascii.b2a_qp(XML),
    "base64 that is none": FROM + b"Content-Transfer-Encoding: base64\r\n\r\n" + XML,
    "base64 that is gzip": FROM + b"Content-Transfer-Encoding: base64\r\n\r\n" + PACKED,
    "quoted-printable that is gzip": FROM + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + PACKED,
    "base64 in quotes": FROM + b'Content-Transfer-Encoding: "Base64" (MIME)\r\n\r\n' + encoded(PACKED),
    "base64 in two blocks": FROM
    + b"Content-Transfer-Encoding: base64\r\n\r\n"
    + encoded(XML[:100])
    + encoded(XML[100:]),
    "uuencode behind words": FROM + b"\r\nHello\r\n\r\n" + uuencoded(PACKED),
    "ContentType on top": FROM + b"ContentType: multipart/mixed; boundary=xx\r\n\r\n--xx\r\n" + PART + b"--xx--\r\n",
    "no boundary told": FROM + b"Content-Type: multipart/mixed\r\n\r\n--xx\r\n" + PART + b"--xx--\r\n",
    "another boundary told": FROM
    + b"Content-Type: multipart/mixed; boundary=yy\r\n\r\n--xx\r\n"
    + PART
    + b"--xx--\r\n",
    "a boundary that begins as another": FROM
    + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    + b"Content-Type: multipart/related; boundary=x1\r\n\r\n--x1\r\n"
    + PART
    + b"--x1--\r\n--x--\r\n",
    "LF with a CRLF in it": mail((XML, "text/xml", "r.xml"), text="See\r\nhere"),
    "CRLF with LF in it": mail((XML, "text/xml", "r.xml")).replace(b"\n", b"\r\n", 3),
    "something before a zip": mail((b"MZ" + b"\0" * 90 + zipped(("r.xml", XML)), "application/zip", "r.exe")),
    "a name in parts": mail((XML, "text/xml", "r.xml")).replace(
        b'filename="r.xml"', b"filename*0*=iso-2022-jp''%1B$B%3F%1B%28B;\n filename*1=.xml"
    ),
    "zip written to a pipe": piped(zipfile.ZIP_DEFLATED),
    "zip written to a pipe, not packed": piped(zipfile.ZIP_STORED),
    "a mail, packed, in a zip": zipped(("m.eml.gz", gzip.compress(mail((PACKED, "application/gzip", "r.gz"))))),
    "a footer behind base64": FROM + PART + b"\r\n____\r\nlist at example dot com\r\n",
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_octets_decide_and_not_labels(data: bytes) -> None:
    outcome = read_reports(data)
    assert ids(outcome) == ["1"]
    assert [report.flaws for report in outcome.reports] == [()]
    assert outcome.refused == ()


def test_report_behind_words_in_the_body_is_read() -> None:
    outcome = read_reports(FROM + b"\r\nHere it is:\r\n\r\n" + XML)
    assert ids(outcome) == ["1"]
    assert [flaw.code for report in outcome.reports for flaw in report.flaws] == ["markup"]


DAMAGED = {
    "zip without its directory": zipped(("r.xml", XML))[:-40],
    "zip from a pipe without its directory": piped(zipfile.ZIP_DEFLATED)[:-50],
    "zip from a pipe, not packed, without its directory": piped(zipfile.ZIP_STORED)[:-50],
    "zip in zip without its directory": stored("i.zip", zipped(("r.xml", XML)))[:-30],
    "zip with another checksum": zipped(("r.xml", XML)).replace(zlib.crc32(XML).to_bytes(4, "little"), b"abcd"),
    "gzip with another checksum": PACKED[:-8] + b"\1" * 8,
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_what_a_damaged_container_holds_is_read_once(data: bytes) -> None:
    outcome = read_reports(data)
    assert ids(outcome) == ["1"]
    assert [flaw.code for flaw in outcome.flaws] == ["damaged"]
    assert outcome.refused == ()


def test_encrypted_entry_is_known_without_the_directory() -> None:
    data = bytearray(zipped(("secret.xml", XML)))
    data[6] |= 1
    outcome = read_reports(bytes(data[:-30]))
    assert codes(outcome) == ["encrypted"]
    assert "secret.xml" in outcome.refused[0].detail


BESIDE = {
    "gzip": mail((BOMB, "application/gzip", "b.gz"), (PACKED, "application/gzip", "r.gz")),
    "zip": mail((BOMB, "application/gzip", "b.gz"), (zipped(("r.xml", XML)), "application/zip", "r.zip")),
    "in one zip": zipped(("b.xml", b"<feedback>" + b"a" * (40 << 20)), ("r.xml", XML)),
    "no XML": zipped(("b.bin", b"\1" * (40 << 20)), ("r.xml", XML)),
    "in layers": mail((gzip.compress(BOMB), "application/gzip", "b.gz"), (PACKED, "application/gzip", "r.gz")),
    "behind, in one tar": gzip.compress(tarred(("r.xml", XML), ("b.xml", b"\0" * (40 << 20)))),
}


@pytest.mark.parametrize("data", BESIDE.values(), ids=BESIDE)
def test_packed_report_beside_a_bomb_is_read(data: bytes) -> None:
    outcome = read_reports(data)
    assert ids(outcome) == ["1"]
    assert codes(outcome) == ["bomb"]


def test_files_of_an_archive_that_overlap_are_a_bomb() -> None:
    data = zipped(("a.xml", XML), ("b.xml", XML))
    first, second = data.index(b"PK\1\2"), data.rindex(b"PK\1\2")
    twice = data[: second + 42] + data[first + 42 : first + 46] + data[second + 46 :]
    assert codes(read_reports(twice)) == ["bomb"]


ARF = (
    b"--b\nContent-Type: text/plain\n\nwords\n--b\nContent-Type: %s\n\nFeedback-Type: %s\nUser-Agent: x\nVersion: 1\n"
    b"Source-IP: 192.0.2.1\nAuth-Failure: dmarc\nReported-Domain: example.com\n"
    b"Authentication-Results: mx; dmarc=fail header.from=example.com\nIdentity-Alignment: dkim\n\n"
    b"--b\nContent-Type: message/rfc822\n\nFrom: a@example.com\nSubject: s\n\nbody\n"
)
ABUSE = (ARF % (b"message/feedback-report", b"abuse")).replace(b"Auth-Failure: dmarc\n", b"")
ABUSE = ABUSE.replace(b"Identity-Alignment: dkim\n", b"")
REPORT = b"From: d@reporter.example\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
TYPE = b"message/feedback-report"


def kinds(outcome: ReadOutcome) -> list[str]:
    return [report.kind for report in outcome.reports]


@pytest.mark.parametrize("label", [TYPE, b"text/plain", b"application/octet-stream; name=ATT00001"])
def test_feedback_is_known_by_its_fields(label: bytes) -> None:
    (report,) = read_reports(REPORT + ARF % (label, b"auth-failure") + b"--b--\n").reports
    assert isinstance(report, FailureReport)
    assert (report.reporter, report.subject) == ("d@reporter.example", "s")


def test_every_feedback_report_and_what_is_beside_it_is_read() -> None:
    attached = b"--b\nContent-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n" + encoded(PACKED)
    both = ARF % (TYPE, b"auth-failure") + ABUSE
    found = kinds(read_reports(REPORT + both + attached + b"--b--\n"))
    assert found == ["failure", "abuse", "aggregate"]


def test_abuse_report_is_no_failure() -> None:
    (report,) = read_reports(REPORT + ABUSE + b"--b--\n").reports
    assert isinstance(report, AbuseReport)


def test_feedback_needs_no_mail_around_it() -> None:
    fields = b"Feedback-Type: auth-failure\nVersion: 1\nSource-IP: 192.0.2.1\nAuth-Failure: dmarc\n"
    assert kinds(read_reports(fields)) == ["failure"]
    assert kinds(read_reports(b"From: a@b.example\nContent-Type: message/feedback-report\n\n" + fields)) == ["failure"]


def test_report_of_ours_that_a_bounce_returns_is_not_one_that_came() -> None:
    bounce = (
        b"From: mailer-daemon@b.example\nContent-Type: multipart/report; boundary=d\n\n--d\n\nundeliverable\n--d\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; b.example\n\n--d\n"
        b"Content-Type: message/rfc822\n\n" + mail((XML, "text/xml", "r.xml")) + b"\n--d--\n"
    )
    outcome = read_reports(bounce)
    assert outcome.reports == ()
    assert codes(outcome) == ["no_report"]


def test_reports_within_a_reported_message_are_not_read() -> None:
    sample = mail((XML, "text/xml", "r.xml"))
    made = (ARF % (TYPE, b"auth-failure")).replace(b"From: a@example.com\nSubject: s\n\nbody\n", sample)
    assert kinds(read_reports(REPORT + made + b"--b--\n")) == ["failure"]


def test_what_is_called_a_report_and_is_none_is_told_beside_others() -> None:
    office = zipped(("[Content_Types].xml", b"<?xml version='1.0'?><Types/>"), ("word/document.xml", b"<w:document/>"))
    picture = b"\x89PNG\r\n\x1a\n" + b"x" * 99
    data = mail(
        (PACKED, "application/gzip", "r.gz"),
        (office, "application/octet-stream", "a.docx"),
        (picture, "image/png", "i.png"),
    )
    assert codes(read_reports(data)) == []
    assert codes(read_reports(zipped(("r.xml", XML), ("lost.xml", b"<other/>")))) == ["no_report"]


def test_encrypted_mail_is_named() -> None:
    data = FROM + b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\n\x30\x82" + b"x" * 40
    assert codes(read_reports(data)) == ["encrypted"]


def test_large_report_in_a_mail_is_never_in_memory_whole() -> None:
    record = XML[XML.index(b"<record>") : XML.index(b"</record>") + 9]
    noise = b"".join(b"<!--%d-->" % number for number in range(5000))
    packed = zlib.compressobj(wbits=31)
    parts = [packed.compress(XML[: XML.index(b"<record>")])]
    parts += [packed.compress(record * 50 + noise + record * 50) for _ in range(40)]
    parts += [packed.compress(XML[XML.index(b"</record>") + 9 :]), packed.flush()]
    data = mail((b"".join(parts), "application/gzip", "r.xml.gz"))
    count = 0

    def sink(records: Sequence[AggregateRecord]) -> None:
        nonlocal count
        count += len(records)

    tracemalloc.start()
    found, flaws, refused = read_pieces([data], None, lambda: sink)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 4_000
    assert (len(found), flaws, refused) == (1, (), ())
    assert peak < 12 << 20


def test_long_text_beside_octets_that_are_no_utf8_takes_no_time() -> None:
    text = b"<feedback><a>\xff</a>" + b"a" * (4 << 20)  # a few kB of gzip; hours, where each place is searched from
    assert codes(read_reports(gzip.compress(text))) != ["internal"]


def test_base64_of_any_writer() -> None:
    assert base64_octets(b"QUJD") == b"ABC"
    assert base64_octets(b"QQ==QUJD") == b"AABC"
    assert base64_octets(b"Q U-J!D\r\nRA") == b"ABCD"
    assert base64_octets(b"QUJDR") == b"ABC"


def pieces_of(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    place = 0
    for size in sizes:
        yield data[place : place + size]
        place += size
    yield data[place:]


@given(data=st.binary(max_size=300), sizes=st.lists(st.integers(0, 40), max_size=9), ask=st.integers(0, 200))
def test_chunks_give_what_they_got(data: bytes, sizes: list[int], ask: int) -> None:
    source = Chunks(pieces_of(data, sizes))
    assert source.peek(ask)[:ask] == data[:ask]
    first = b"".join(source.pieces(ask))
    assert first == data[:ask]
    source.put_back(first)
    assert source.take(7) == data[:7]
    assert b"".join(source.pieces()) == data[7:]


@given(data=st.binary(max_size=400))
def test_any_octets_are_a_part(data: bytes) -> None:
    part = read_part(data, Meter(ContainerLimits()))
    assert len(b"".join(part.content())) <= len(data)
    assert all(child.end <= len(data) for child in part.children(9))


SEEDS = [*WRONG.values(), *DAMAGED.values(), REPORT + ARF % (TYPE, b"auth-failure"), TLS, report_xml(2)]


@given(
    data=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 9)), min_size=1, max_size=4),
)
def test_mutated_inputs_give_typed_outcomes(data: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    for place, octets, gone in edits:
        at = place % (len(data) + 1)
        data = data[:at] + octets + data[at + gone :]
    outcome = read_reports(data)
    assert outcome.reports or outcome.refused
    assert "internal" not in codes(outcome), outcome.refused
    assert all(len(flaw.detail) <= 200 for flaw in outcome.flaws)
