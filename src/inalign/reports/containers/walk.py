"""The reports within a mail, an archive, or a packed file: found by what octets are, not by what they are called.

A walk down the containers, forward only and piece by piece: a report of 200 MB in a gzip in a mail never stands in
memory. Zip archives and mails within something else are held whole, packed. Each payload is read before the next one
is asked for. What cannot be read is told as a `Refusal` and costs nothing else of the input.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal, NamedTuple

from inalign.reports.containers.chunks import Chunks, Meter, PackedSize, RefusedError
from inalign.reports.containers.inflate import gunzip, unzlib
from inalign.reports.containers.mime import MimePart, base64_octets, read_part
from inalign.reports.containers.sniff import OTHER_ARCHIVES, PEEK, ContentKind, kind_of
from inalign.reports.containers.tar import untar
from inalign.reports.containers.zip import unzip, zip_entries
from inalign.reports.flaw import RefusalCode
from inalign.reports.report import Refusal

_FEEDBACK_TYPES = ("message/feedback-report", "message/x-feedback-report")
_SAMPLE_TYPES = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "text/rfc822", "message/global")
_NOTIFICATIONS = ("message/delivery-status", "message/disposition-notification", "message/global-delivery-status")
_UUENCODED = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)


class Payload(NamedTuple):
    """Something that seems to be a report."""

    kind: Literal["xml", "json", "feedback", "words", "none"]
    """`feedback` is the second part of an ARF mail; `words` are those of a mail without any report, which may say what
    failed; `none` is something else."""
    name: str
    """Of the file, for people."""
    pieces: Iterator[bytes]
    mail: MimePart | None = None
    """The innermost mail that it came in."""
    text: bytes = b""
    """Of a feedback report, what stands in front of it for people."""
    sample: bytes | None = None
    """Of a feedback report and of words, the reported message or its header."""


def payloads(pieces: Iterator[bytes], name: str, meter: Meter) -> Iterator[Payload | Refusal]:
    """What seems to be a report in `pieces`, and what was refused."""
    return _ContainerWalk(meter).walk(Chunks(pieces), _Place(name, PackedSize()))


@dataclass
class _Words:
    """A mail, its texts for people, and the first message within."""

    mail: MimePart
    texts: list[bytes] = field(default_factory=list)
    sample: bytes | None = None


class _Place(NamedTuple):
    """Where the walk stands."""

    name: str
    origin: PackedSize
    depth: int = 0
    is_packed: bool = False
    """Whether a compressed layer lies outside."""
    words: _Words | None = None
    """Of the innermost mail."""

    @property
    def mail(self) -> MimePart | None:
        return self.words.mail if self.words else None

    def what(self, kind: str) -> str:
        return f"{kind} {self.name!r}" if self.name else kind


class _ContainerWalk:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._held = 0

    def walk(self, source: Chunks, place: _Place) -> Iterator[Payload | Refusal]:
        held = self._held
        try:
            yield from self._walk(source, place)
        except RefusedError as refused:
            yield refused.refusal
        finally:
            self._held = held

    def _walk(self, source: Chunks, place: _Place) -> Iterator[Payload | Refusal]:
        if place.depth > self._meter.limits.depth:
            raise RefusedError(RefusalCode.TOO_DEEP, f"more than {place.depth - 1} containers in one another")
        start = source.peek(PEEK)
        kind = kind_of(start)
        inner = place._replace(depth=place.depth + 1)
        if kind is ContentKind.GZIP or kind is ContentKind.ZLIB:
            yield from self._compressed(source, kind, inner)
        elif kind is ContentKind.ZIP:
            yield from self._zip(source, inner)
        elif kind is ContentKind.TAR:
            yield from self._tar(source, inner)
        elif kind is ContentKind.MAIL:
            data = self._hold(source, place.what("mail"))
            yield from self._mail(read_part(data, self._meter), inner)
        elif kind is ContentKind.XML:
            yield Payload("xml", place.name, source.pieces(), place.mail)
        elif kind is ContentKind.JSON:
            yield Payload("json", place.name, source.pieces(), place.mail)
        elif kind is ContentKind.FEEDBACK:
            yield Payload("feedback", place.name, source.pieces(), place.mail)
        elif kind in (ContentKind.BASE64, ContentKind.QUOTED_PRINTABLE, ContentKind.UUENCODE):
            octets = self._hold(source, place.what("encoded text"))
            yield from self.walk(Chunks([_decoded(kind, octets)]), inner)
        elif kind is ContentKind.OTHER_ARCHIVE:
            label = next(label for magic, label in OTHER_ARCHIVES.items() if start.startswith(magic))
            raise RefusedError(RefusalCode.UNSUPPORTED, f"{place.what(label)} is not read")
        else:
            self._measure(source, place)
            if not start.strip():
                raise RefusedError(RefusalCode.NO_REPORT, place.what("file") + " is empty")
            yield Payload("none", place.name, iter(()), place.mail)

    def _measure(self, source: Chunks, place: _Place) -> None:
        """Unpack a little of what is no report, so that a bomb is called one."""
        if place.is_packed:
            limit = 2 * self._meter.limits.ratio_free_bytes
            for piece in source.pieces():
                limit -= len(piece)
                if limit < 0:
                    return

    def _compressed(self, source: Chunks, kind: ContentKind, place: _Place) -> Iterator[Payload | Refusal]:
        unpack = gunzip if kind is ContentKind.GZIP else unzlib
        what = place.what(kind.name.lower())
        octets = unpack(source, self._meter, place.origin, is_outermost=not place.is_packed, what=what)
        name = place.name[:-3] if place.name.lower().endswith(".gz") else place.name
        yield from self.walk(Chunks(octets), place._replace(name=name, is_packed=True))

    def _zip(self, source: Chunks, place: _Place) -> Iterator[Payload | Refusal]:
        what = place.what("zip")
        data = self._hold(source, what)
        entries = zip_entries(data, self._meter, what)
        if not entries:
            raise RefusedError(RefusalCode.NO_REPORT, f"{what} has no files")
        # Where the archive itself was unpacked, its octets are worth as much less.
        share = place.origin.taken / max(1, len(data)) if place.is_packed else place.origin.share
        for entry in entries:
            self._meter.entry()
            origin = PackedSize(share)
            octets = unzip(data, entry, self._meter, origin, is_outermost=True, what=f"{what}, {entry.name!r}")
            yield from self.walk(Chunks(octets), place._replace(name=entry.name, origin=origin, is_packed=True))

    def _hold(self, source: Chunks, what: str) -> bytes:
        """All octets of something that has to stand in memory whole."""
        limits = self._meter.limits
        data = source.everything(min(limits.archive_bytes, limits.held_bytes - self._held), what)
        self._held += len(data)
        return data

    def _tar(self, source: Chunks, place: _Place) -> Iterator[Payload | Refusal]:
        for name, octets in untar(source, self._meter, place.what("tar")):
            if not name.rsplit("/", 1)[-1].startswith("._"):
                yield from self.walk(Chunks(octets), place._replace(name=name))

    def _mail(self, mail: MimePart, place: _Place) -> Iterator[Payload | Refusal]:
        if place.depth > self._meter.limits.depth:
            raise RefusedError(RefusalCode.TOO_DEEP, f"more than {place.depth - 1} containers in one another")
        words = _Words(mail)
        has_report = False
        for item in self._part(mail, place._replace(words=words), 0):
            has_report = has_report or (isinstance(item, Payload) and item.kind not in ("words", "none"))
            yield item
        if not has_report:
            yield Payload("words", place.name, iter(words.texts), mail, sample=words.sample)

    def _part(self, part: MimePart, place: _Place, level: int) -> Iterator[Payload | Refusal]:
        """The reports of a part that is no mail of its own."""
        if level > self._meter.limits.mime_depth:
            raise RefusedError(RefusalCode.TOO_DEEP, f"more than {level - 1} multiparts in one another")
        children = [
            read_part(child.data, self._meter, child.start, child.end)
            for child in part.children(self._meter.limits.entries + 1)
        ]
        if any(child.type in _NOTIFICATIONS for child in children):
            raise RefusedError(
                RefusalCode.NO_REPORT, "a delivery status notification; what it returns did not come as one"
            )
        if part.type in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"):
            yield Refusal(RefusalCode.ENCRYPTED.value, f"{part.type}: a key is needed")
        if children:
            yield from self._children(children, place, level)
        else:
            if place.words is not None:
                self._note(part, place.words)
            yield from self.walk(Chunks(part.content()), place._replace(name=part.name or place.name))

    def _note(self, part: MimePart, words: _Words) -> None:
        """Keep what a mail says in words, and the message that it speaks of."""
        if part.type in ("", "text/plain", "text/html"):
            left = self._meter.limits.words - sum(len(text) for text in words.texts)
            if left > 0:
                words.texts.append(part.text(left)[:left])
        elif part.type in _SAMPLE_TYPES and words.sample is None:
            words.sample = part.text(self._meter.limits.archive_bytes)

    def _children(self, children: list[MimePart], place: _Place, level: int) -> Iterator[Payload | Refusal]:
        """Feedback reports, each with the texts in front and the message behind it; the rest one by one."""
        human = b""
        feedback = [_is_feedback(child) for child in children]
        used: set[int] = set()
        for index, child in enumerate(children):
            if index in used:
                continue
            if feedback[index]:
                following = range(index + 1, len(children))
                end = next((at for at in following if feedback[at]), len(children))
                sample = next((at for at in range(index + 1, end) if _is_sample(children[at])), None)
                used |= set() if sample is None else {sample}
                message = None if sample is None else children[sample].text(self._meter.limits.archive_bytes)
                yield Payload("feedback", child.name, child.content(), place.mail, human, message)
                continue
            if child.type == "text/plain":
                human = (human + child.text(self._meter.limits.words))[: self._meter.limits.words]
            try:
                yield from self._part(child, place, level + 1)
            except RefusedError as refused:
                yield refused.refusal


def _is_feedback(part: MimePart) -> bool:
    return part.type in _FEEDBACK_TYPES or kind_of(part.text(PEEK)[:PEEK]) is ContentKind.FEEDBACK


def _is_sample(part: MimePart) -> bool:
    return part.type in _SAMPLE_TYPES or kind_of(part.text(PEEK)[:PEEK]) is ContentKind.MAIL


def _decoded(kind: ContentKind, octets: bytes) -> bytes:
    if kind is ContentKind.BASE64:
        return base64_octets(octets)
    if kind is ContentKind.QUOTED_PRINTABLE:
        return binascii.a2b_qp(octets)
    begin = _UUENCODED.search(octets)
    found = bytearray()
    for line in BytesIO(octets[begin.end() if begin else 0 :]):
        if line.strip() == b"end":
            break
        try:
            found += binascii.a2b_uu(line)
        except binascii.Error:  # some writers count wrong
            found += _lenient_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
    return bytes(found)


def _lenient_uu(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""
