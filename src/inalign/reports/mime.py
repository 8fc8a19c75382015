"""A mail as its parts, whatever is wrong with it: only what a reader of reports needs (RFC 2045, RFC 2046).

Every part keeps its octets. What a part says of itself (type, name, encoding) is a hint, and may be wrong or missing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple

from inalign.mail.fields import Field, parse_message

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)


class Part(NamedTuple):
    """A mail, or a part of one: its header, and its body as it stands there."""

    fields: tuple[Field, ...]
    body: bytes
    type: str
    """In lower case; text/plain where it says nothing."""
    name: str
    boundary: bytes
    """Of a multipart."""

    def field(self, key: bytes) -> str:
        """The first field of a name, unfolded; empty where there is none."""
        for field in self.fields:
            if field.key == key:
                return " ".join(field.value.decode("utf-8", "replace").split())
        return ""

    def content(self) -> bytes:
        """The body without its transfer encoding (RFC 2045 section 6); stray characters are left out."""
        encoding = self.field(b"content-transfer-encoding").lower()
        if encoding == "base64":
            return decode_base64(self.body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body)
        if encoding in ("x-uuencode", "uuencode", "x-uue") or _UU_BEGIN.match(self.body):
            return _decode_uu(self.body)
        return self.body


def parse_part(octets: bytes, default_type: str = "text/plain") -> Part:
    """Cut octets into header and body; nothing is raised."""
    first = octets.find(b"\n")
    if first >= 0 and octets[first - 1 : first] != b"\r":  # bare LFs, though a CRLF may stand somewhere
        octets = octets.replace(b"\r\n", b"\n")
    fields, body = parse_message(octets)
    headers: Message[str, str] = Message()
    for field in fields:
        # `ContentType:`, as one gateway writes it, is none; and then the octets decide.
        if field.key in (b"content-type", b"content-disposition"):
            headers[field.key.decode()] = " ".join(field.value.decode("utf-8", "replace").split())
    headers.set_default_type(default_type)
    try:
        return Part(
            fields,
            body,
            headers.get_content_type(),
            str(headers.get_filename("") or "")[:255],
            str(headers.get_boundary("") or "").encode("utf-8", "replace"),
        )
    except (ValueError, TypeError, AttributeError, LookupError):  # parameters that the library stumbles over
        return Part(fields, body, default_type, "", b"")


def split_parts(part: Part) -> Iterator[bytes]:
    """The octets of the parts of a multipart (RFC 2046 section 5.1.1); the last one may lack its end."""
    if not part.boundary:
        return
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(part.boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    start: int | None = None
    for found in line.finditer(part.body):
        if start is not None:
            yield _without_first_end(part.body[start : found.start()])
        if found[1]:
            return
        start = found.end()
    if start is not None:
        yield _without_first_end(part.body[start:])


def _without_first_end(octets: bytes) -> bytes:
    """Without the end of the line of the boundary; a part without a header begins with an empty line."""
    return octets.removeprefix(b"\r").removeprefix(b"\n")


def decode_base64(text: bytes) -> bytes:
    """What the letters say, up to the padding; a last group that is not whole is left out."""
    letters = text.partition(b"=")[0] if text.rstrip().endswith(b"=") else text
    letters = letters.translate(None, _NOT_BASE64)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _decode_uu(text: bytes) -> bytes:
    begin = _UU_BEGIN.search(text)
    lines = text[begin.end() :].splitlines() if begin else text.splitlines()
    found = []
    for line in lines:
        if line.strip() == b"end":
            break
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(found)
