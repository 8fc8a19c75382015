"""A mail as parts (RFC 2045, RFC 2046), read as forgivingly as mail programs do, and bounded.

Parts are places in the octets of the whole mail; nothing is copied or decoded before it is asked for, and decoding goes
piece by piece. Line ends may be CRLF or LF, also mixed.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from inalign.reports.containers.chunks import PIECE, Meter, RefusedError
from inalign.reports.containers.mime_parameters import parameters
from inalign.reports.containers.sniff import PEEK, ContentKind, kind_of
from inalign.reports.fields import unfolded
from inalign.reports.flaw import Flaws, RefusalCode

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:([^\r\n]*+(?:(?:\r(?!\n)|\r?\n[ \t])[^\r\n]*+)*)(?:\r?\n|\Z)")
_LEADING = re.compile(rb"(?:[ \t]*\r?\n)*(?:>?From [^\r\n]*\r?\n)?")
_EMPTY_LINE = re.compile(rb"[ \t]*\r?\n")
_GUESSED_BOUNDARY = re.compile(rb"^--([!-~][ -~]{0,199}?)[ \t]*\r?$", re.MULTILINE)
_TYPE = re.compile(r"\s*([\w!#$&^.+-]{1,80})\s*/\s*([\w!#$&^.+-]{1,80})", re.ASCII)
_CODING = re.compile(r'[ \t"]*([a-z0-9-]+)')
_BASE64_LETTERS = re.compile(rb"[^A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True)
class MimePart:
    """A mail or a part of one."""

    data: bytes
    """Of the whole mail."""
    fields: tuple[tuple[str, bytes], ...]
    """Name in lower case, without hyphens, and value with its folds."""
    start: int
    end: int
    """Where its body stands in `data`."""
    head_start: int = 0

    def value(self, name: str) -> str:
        """The first field of this name, decoded; empty where there is none."""
        return next((unfolded(value, Flaws()) for key, value in self.fields if key == name.replace("-", "")), "")

    @property
    def type(self) -> str:
        """The media type in lower case; empty where none is told."""
        found = _TYPE.match(self._written("contenttype"))
        return f"{found[1]}/{found[2]}".lower() if found else ""

    def parameter(self, name: str) -> str:
        """A parameter of the media type."""
        return parameters(self._written("contenttype")).get(name, "")

    @property
    def name(self) -> str:
        """The name of the file that it is said to be."""
        disposition = parameters(self._written("contentdisposition"))
        return disposition.get("filename", "") or self.parameter("name")

    def _written(self, key: str) -> str:
        return next((unfolded(value, Flaws()) for name, value in self.fields if name == key), "")

    @property
    def body(self) -> bytes:
        """The body as it stands there."""
        return self.data[self.start : self.end]

    @property
    def header(self) -> bytes:
        """The header as it stands there."""
        return self.data[self.head_start : self.start]

    def content(self) -> Iterator[bytes]:
        """The decoded body in pieces. What is not encoded as it is said to be comes as it is."""
        coding = _CODING.match(self._written("contenttransferencoding").lower())
        start = self.data[self.start : min(self.start + PEEK, self.end)]
        if coding and coding[1] == "base64" and not _is_bare(start):
            return _from_base64(self._raw())
        if coding and coding[1] == "quoted-printable" and not _is_packed(start):
            return _from_quoted_printable(self._raw())
        return self._raw()

    def text(self, limit: int) -> bytes:
        """The decoded body, up to about `limit` octets."""
        parts: list[bytes] = []
        for piece in self.content():
            parts.append(piece)
            limit -= len(piece)
            if limit <= 0:
                break
        return b"".join(parts)

    def _raw(self) -> Iterator[bytes]:
        for place in range(self.start, self.end, PIECE):
            yield self.data[place : min(place + PIECE, self.end)]

    def children(self, limit: int) -> tuple[MimePart, ...]:
        """The parts of a multipart, at most `limit`; none where it is no multipart, or has no boundary line."""
        if not self.type.startswith("multipart/"):
            return ()
        boundary = self.parameter("boundary").encode("utf-8", "surrogateescape").rstrip()
        places = list(islice(self._boundaries(boundary), limit + 1)) if boundary else []
        if not places:
            guess = _GUESSED_BOUNDARY.search(self.data, self.start, self.end)
            if guess is None or guess[1].rstrip() == b"":
                return ()
            places = list(islice(self._boundaries(guess[1].rstrip()), limit + 1))
        found: list[MimePart] = []
        for index, (_, start, is_last) in enumerate(places):
            if is_last:
                break
            end = places[index + 1][0] if index + 1 < len(places) else self.end
            if len(found) < limit:
                found.append(MimePart(self.data, (), start, max(start, end)))
        return tuple(found)

    def _boundaries(self, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
        """Each boundary line: where the part before it ends, where the part behind it begins, whether it is the last.

        RFC 2046 section 5.1.1: the line end in front belongs to the boundary.
        """
        mark = b"--" + boundary
        place = self.data.find(mark, self.start, self.end)
        while place >= 0:
            behind = place + len(mark)
            # Only there: a search for the end of the line at each of the others would be quadratic.
            if place == self.start or self.data[place - 1 : place] == b"\n":
                is_last = self.data.startswith(b"--", behind)
                line_end = self.data.find(b"\n", behind, self.end)
                line_end = self.end if line_end < 0 else line_end + 1
                if not self.data[behind + 2 * is_last : min(line_end, behind + 200)].strip():
                    before = place - 1 if self.data[place - 1 : place] == b"\n" else place
                    before -= self.data[before - 1 : before] == b"\r" and before < place
                    yield max(before, self.start), line_end, is_last
            place = self.data.find(mark, behind, self.end)


def _is_bare(start: bytes) -> bool:
    """Whether a body that is said to be base64 is none: no text of that alphabet begins like this."""
    return _is_packed(start) or start.lstrip()[:1] in (b"<", b"{", b"[")


def _is_packed(start: bytes) -> bool:
    return kind_of(start) in (ContentKind.GZIP, ContentKind.ZIP, ContentKind.ZLIB, ContentKind.TAR)


def read_part(data: bytes, meter: Meter, start: int = 0, end: int | None = None) -> MimePart:
    """The mail or part that stands from `start` to `end`: its header, and where its body is."""
    meter.entry()
    end = len(data) if end is None else end
    leading = _LEADING.match(data, start, end)
    # A part without any header begins with an empty line; only a mail may have some in front.
    place = leading.end() if leading and start == 0 else start
    head_start = place
    fields: list[tuple[str, bytes]] = []
    most = head_start + meter.limits.header_bytes
    while field := _FIELD.match(data, place, min(end, most + 1)):
        fields.append((field[1].decode("ascii").lower().replace("-", ""), field[2]))
        place = field.end()
        if len(fields) > meter.limits.fields or place > most:
            raise RefusedError(RefusalCode.TOO_LARGE, "a header with more than the limits allow")
    empty = _EMPTY_LINE.match(data, place, end)
    return MimePart(data, tuple(fields), empty.end() if empty else place, end, head_start)


def _from_base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decoded octets; padding within, none at the end, and foreign characters do no harm."""
    rest = b""
    for piece in pieces:
        clean = rest + _BASE64_LETTERS.sub(b"", piece)
        if b"=" in clean:
            done, rest = clean.rsplit(b"=", 1)
            yield base64_octets(done)
        else:
            rest = clean
        whole = len(rest) - len(rest) % 4
        if whole:
            yield binascii.a2b_base64(rest[:whole])
            rest = rest[whole:]
    if rest:
        yield base64_octets(rest)


def _from_quoted_printable(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decoded octets, line by line, since a code and a soft line break must not be cut."""
    rest = b""
    for piece in pieces:
        lines = rest + piece
        cut = lines.rfind(b"\n") + 1
        if not cut:  # a line without end: up to where no code is cut
            cut = max(0, len(lines) - 2)
            cut = lines.find(b"=", cut) if b"=" in lines[cut:] else len(lines)
        yield binascii.a2b_qp(lines[:cut])
        rest = lines[cut:]
    if rest:
        yield binascii.a2b_qp(rest)


def base64_octets(raw: bytes) -> bytes:
    """Decoded octets; whatever does not belong is left out, padding may be missing or stand within."""
    parts: list[bytes] = []
    for run in raw.split(b"="):
        clean = _BASE64_LETTERS.sub(b"", run)
        clean = clean[:-1] if len(clean) % 4 == 1 else clean
        parts.append(binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)))
    return b"".join(parts)
