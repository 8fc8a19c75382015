"""A message as it was received: header fields as exact octets, and the body.

RFC 5322 section 2.2. Nothing is decoded, unfolded or repaired, since signatures cover octets. What ends the header
is what ends it for Postfix and Sendmail: the empty line, or the first line that is no field and no continuation
(that line is then the first one of the body).
"""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 5322 section 3.6.8: a field name is printable US-ASCII without the colon. Blanks before the colon are obsolete
# syntax (section 4.5.8) that receivers still see.
_FIELD_START = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")


class Field(NamedTuple):
    """One header field."""

    key: bytes
    """The name in lower case, without the blanks before the colon. May be empty only for a milter's odd field."""
    raw: bytes
    """All octets of the field as received, the CRLF at its end included."""

    @property
    def name(self) -> bytes:
        """The name as received, without the blanks before the colon."""
        return self.raw[: len(self.key)]

    @property
    def value(self) -> bytes:
        """What stands behind the colon, folds included, without the last CRLF."""
        return self.raw[self.raw.index(b":") + 1 : -2]

    @property
    def is_blank_before_colon(self) -> bool:
        """Whether the obsolete form `Name :` was used, which not all readers take for a field."""
        return self.raw[len(self.key) : len(self.key) + 1] != b":"


class Message(NamedTuple):
    """A message: its header fields from top to bottom, and the body behind the empty line."""

    fields: tuple[Field, ...]
    body: bytes


def make_field(name: bytes, value: bytes) -> Field:
    """A field from a name and a value with LF or CRLF folds, as a milter peer hands them over."""
    value = value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Field(name.rstrip(b" \t").lower(), b"%b:%b\r\n" % (name, value))


def parse_message(data: bytes) -> Message:
    """Cut a message into fields and body; never raises.

    `data` is what crosses SMTP (CRLF). Where no CRLF occurs at all, as in a file saved on Unix, each LF counts as
    one. A last line without its end gets it.
    """
    if b"\r\n" not in data:
        data = data.replace(b"\n", b"\r\n")
    fields: list[Field] = []
    position = 0
    size = len(data)
    while position < size:
        start = _FIELD_START.match(data, position)
        if start is None:
            break
        end = _end_of_field(data, start.end())
        raw = data[position:end]
        fields.append(Field(start[1].lower(), raw if raw.endswith(b"\r\n") else raw + b"\r\n"))
        position = end
    if data.startswith(b"\r\n", position):
        position += 2
    return Message(tuple(fields), data[position:])


def _end_of_field(data: bytes, position: int) -> int:
    """The place behind the CRLF that ends the field: the first that no blank follows."""
    while True:
        end = data.find(b"\r\n", position)
        if end < 0:
            return len(data)
        position = end + 2
        if data[position : position + 1] not in (b" ", b"\t"):
            return position
