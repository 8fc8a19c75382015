"""Any octets -> the reports in them, what was mended, and what was refused with the reason. Nothing is raised.

What something is, its octets say: labels and names of mails and archives are hints for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from email.utils import parseaddr

from inalign.mail.fields import parse_message
from inalign.reports import unpack
from inalign.reports.aggregate_read import AggregateReader
from inalign.reports.failure_plain import read_plain_failure
from inalign.reports.failure_read import read_feedback
from inalign.reports.flaw import Flaw, RefusalCode
from inalign.reports.mime import Part, decode_base64, parse_part, split_parts
from inalign.reports.report import AggregateRecord, ReadOutcome, Refusal, Report
from inalign.reports.tls_read import read_tls_reports
from inalign.reports.unpack import Entry, Meter, Spoiled, Stream

Sink = Callable[[Sequence[AggregateRecord]], None]
MakeSink = Callable[[], Sink]
Found = tuple[Report, Sink | None]
"""A report, and the sink that its records went to."""

_BLANKS = b" \t\r\n\x00"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\xff\xfe", b"\xfe\xff")
_ENCODED = (b"H4sI", b"UEsDB")
"""How gzip and zip begin in base64."""
_SAMPLES = ("message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "text/rfc822-header", "message/global")


def read_reports(data: bytes, name: str | None = None) -> ReadOutcome:
    """Read everything that is in some octets: a report, or a mail, an archive, any nesting of them.

    `name` is that of the file, for messages. Never raises; `reports` and `refused` are never both empty.
    """
    found, flaws, refused = read_pieces([data], name)
    return ReadOutcome(tuple(report for report, _ in found), flaws, refused)


def read_pieces(
    pieces: Iterable[bytes], name: str | None = None, make_sink: MakeSink | None = None
) -> tuple[list[Found], tuple[Flaw, ...], tuple[Refusal, ...]]:
    """The same for octets in pieces, with flat memory: the records of each aggregate report go to a sink of its own.

    What the pieces raise is passed on.
    """
    reader = _Reader(make_sink)
    reader.read(Stream(reader.meter.count_input(pieces)), name or "", 0)
    if not reader.found and not reader.refused:
        reader.refuse(Refusal(RefusalCode.NO_REPORT.value, f"{name or 'it'}: no report is in it"[:200]))
    return reader.found, tuple(reader.meter.flaws), tuple(reader.refused)


class _Reader:
    """Goes through everything that is in one input."""

    def __init__(self, make_sink: MakeSink | None) -> None:
        self._make_sink = make_sink
        self.meter = Meter()
        self.found: list[Found] = []
        self.refused: list[Refusal] = []

    def refuse(self, refusal: Refusal) -> None:
        """Note a refusal; the same one once."""
        if refusal not in self.refused and len(self.refused) < self.meter.limits.outcomes:
            self.refused.append(refusal)

    def read(self, stream: Stream, name: str, depth: int) -> bool:
        """Read something; whether it was meant as a report or a container of such. What is wrong with it is noted."""
        before = len(self.found)
        try:
            if depth > self.meter.limits.depth:
                raise Spoiled(RefusalCode.TOO_DEEP, f"more than {self.meter.limits.depth} containers in one another")
            return self._read(stream, name, depth)
        except Spoiled as problem:
            self.refuse(problem.refusal(name))
        except RecursionError:
            self.refuse(Refusal(RefusalCode.TOO_DEEP.value, f"{name}: too deep"[:200]))
        except OSError:
            raise
        except Exception as problem:  # noqa: BLE001 - a bug of ours costs one item, and says so
            self.refuse(Refusal(RefusalCode.INTERNAL.value, f"{name}: {problem!r}"[:200]))
        return len(self.found) > before or depth >= 0

    def _read(self, stream: Stream, name: str, depth: int) -> bool:
        start = stream.peek()
        what = name or "the data"
        if unpack.is_gzip(start):
            self._inside(unpack.gunzip(stream, self.meter, what), name, depth)
        elif unpack.is_zip(start):
            data = stream.whole(self.meter.limits.archive_bytes, "a zip archive")
            self._entries(unpack.zip_entries(data, self.meter, what), depth)
        elif unpack.is_zlib(start):
            self._inside(unpack.unzlib(stream, self.meter, what), name, depth)
        elif unpack.is_tar(start):
            self._entries(unpack.tar_entries(stream, self.meter, what), depth)
        elif kind := next((kind for mark, kind in unpack.UNSUPPORTED if start.startswith(mark)), ""):
            raise Spoiled(RefusalCode.UNSUPPORTED, f"{kind} is not read; send gzip or zip")
        elif looks_like_xml(start):
            return self._xml(stream, name)
        elif looks_like_json(start):
            return self._json(stream.whole(self.meter.limits.document_bytes, "a TLS report"), name)
        elif looks_like_mail(start):
            self._mail(stream.whole(self.meter.limits.archive_bytes, "a mail"), name, depth)
        else:
            return False
        return True

    def _inside(self, pieces: Iterator[bytes], name: str, depth: int) -> None:
        stream = Stream(self.meter.count_unpacked(pieces, name or "the data"))
        if not self.read(stream, name, depth + 1):
            self.refuse(Refusal(RefusalCode.NO_REPORT.value, f"{name or 'the data'}: no report is in it"[:200]))

    def _entries(self, entries: Iterator[Entry | Refusal], depth: int) -> None:
        has_any = False
        for entry in entries:
            has_any = True
            if isinstance(entry, Refusal):
                self.refuse(entry)
            else:
                self._inside(entry.pieces, entry.name, depth)
        if not has_any:
            raise Spoiled(RefusalCode.NO_REPORT, "an archive without files")

    def _xml(self, stream: Stream, name: str) -> bool:
        sink = self._make_sink() if self._make_sink is not None else None
        reader = AggregateReader(sink=sink)
        for piece in stream:
            reader.feed(piece)
        report = reader.close()
        if not isinstance(report, Refusal):
            self.found.append((report, sink))
            return True
        if report.code == RefusalCode.NO_REPORT.value:
            return False
        self.refuse(Refusal(report.code, f"{name}: {report.detail}"[:200] if name else report.detail))
        return True

    def _json(self, data: bytes, name: str) -> bool:
        reports = read_tls_reports(data)
        if reports is None:
            return False
        if isinstance(reports, Refusal):
            self.refuse(Refusal(reports.code, f"{name}: {reports.detail}"[:200] if name else reports.detail))
        else:
            self.found += [(report, None) for report in reports]
        return True

    # Mail

    def _mail(self, octets: bytes, name: str, depth: int) -> None:
        mail = parse_part(octets)
        before = (len(self.found), len(self.refused))
        texts: list[bytes] = []
        self._part(mail, name, depth, reporter=_address(mail), texts=texts)
        if (len(self.found), len(self.refused)) != before:
            return
        text = b"\n".join(texts)
        plain = read_plain_failure(_text(text), reporter=_address(mail), sample=None) if texts else None
        if plain is not None:
            self.found.append((plain, None))
            return
        subject = mail.field(b"subject")[:100]
        self.refuse(Refusal(RefusalCode.NO_REPORT.value, f"{name or 'a mail'} ({subject}): no report is in it"[:200]))

    def _part(self, part: Part, name: str, depth: int, *, reporter: str, texts: list[bytes]) -> None:
        """A part of a mail, and what is in it."""
        self.meter.entry()
        if depth > self.meter.limits.depth * 2:
            raise Spoiled(RefusalCode.TOO_DEEP, "parts of a mail, too deep in one another")
        if part.type.startswith("multipart/"):
            default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
            parts = [parse_part(octets, default) for octets in split_parts(part)]
            if not parts:  # no boundary, or none that occurs: what stands there may be a report all the same
                parts = [part._replace(type="text/plain")]
            if not self._feedback(parts, reporter):
                for each in parts:
                    self._part(each, name, depth + 1, reporter=reporter, texts=texts)
            return
        if part.type in ("message/rfc822", "message/global"):
            self._part(parse_part(part.content()), name, depth + 1, reporter=reporter, texts=texts)
            return
        content = part.content()
        if content.lstrip(_BLANKS).startswith(_ENCODED):  # base64 that does not say so
            content = decode_base64(content)
        if part.type.startswith("text/") and not part.name:
            texts.append(content)
        where = part.name or name
        stream = Stream([content])
        start = stream.peek()
        if part.type.startswith("text/") and not part.name and not _looks_like_payload(start):
            return  # words for people; a mail within would be a guess
        if not self.read(stream, where, depth + 1) and part.name:
            texts.append(content)

    def _feedback(self, parts: Sequence[Part], reporter: str) -> bool:
        """A report in the form of RFC 5965 section 2: its second part says what it is."""
        place = next((place for place, part in enumerate(parts) if part.type == "message/feedback-report"), None)
        if place is None:
            return False
        sample = next((part.content() for part in parts[place + 1 :] if part.type in _SAMPLES), None)
        text = next((part.content() for part in parts[:place] if part.type.startswith("text/")), b"")
        report = read_feedback(parts[place].content(), sample, reporter=reporter, text=_text(text))
        if isinstance(report, Refusal):
            self.refuse(report)
        else:
            self.found.append((report, None))
        return True


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _address(mail: Part) -> str:
    """The address of the From field."""
    return parseaddr(mail.field(b"from"))[1][:320]


def _begin(start: bytes) -> bytes:
    """The first octets without a byte order mark and blanks."""
    for mark in _MARKS:
        start = start.removeprefix(mark)
    return start.lstrip(_BLANKS)


def looks_like_xml(start: bytes) -> bool:
    """Whether octets begin as XML does, in any encoding."""
    return _begin(start).startswith(b"<")


def looks_like_json(start: bytes) -> bool:
    """Whether octets begin as a JSON object or array does."""
    return _begin(start).startswith((b"{", b"["))


def _looks_like_payload(start: bytes) -> bool:
    return looks_like_xml(start) or looks_like_json(start) or unpack.is_gzip(start) or unpack.is_zip(start)


def looks_like_mail(start: bytes) -> bool:
    """Whether octets begin with a header field, or with the line that mailboxes put before a mail."""
    fields = parse_message(start.lstrip(b"\r\n")[:1000]).fields
    return bool(fields) and all(33 <= octet <= 126 for octet in fields[0].key) and len(fields[0].key) < 80
