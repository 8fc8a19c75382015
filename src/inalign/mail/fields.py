"""A message as it was received: header fields as exact octets, and the body.

RFC 5322 section 2.2. Nothing is decoded, unfolded or repaired, since signatures cover octets. What ends the header
is what ends it for Postfix and Sendmail: the empty line, or the first line that is no field and no continuation
(that line is then the first one of the body). So a message whose first line begins with a blank has no header at all.

A bare CR or LF ends nothing here. It stays within its field or the body, where whoever reads the field refuses it:
readers disagree about it, and that is how a second From is smuggled past one of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 5322 section 3.6.8: a field name is printable US-ASCII without the colon. Blanks before the colon are obsolete
# syntax (section 4.5.8) that receivers still see.
_FIELD_START = re.compile(rb"([\x21-\x39\x3b-\x7e]++)[ \t]*+:")
_END_OF_FIELD = re.compile(rb"\r\n(?![ \t])")  # RFC 5322 section 2.2.3: a blank behind the CRLF makes it a fold
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_new_tuple = tuple.__new__  # a third of the time of a named tuple's own; there is one for each field
_FIRST_LINE = re.compile(rb">?From [^\r\n]*+\r\n")


class Field(NamedTuple):
    """One header field of a message, as received."""

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
        return self.raw[self.raw.index(b":", len(self.key)) + 1 : -2]

    @property
    def is_blank_before_colon(self) -> bool:
        """Whether the obsolete form `Name :` was used, which not all readers take for a field."""
        return self.raw[len(self.key) : len(self.key) + 1] != b":"


class Message(NamedTuple):
    """A message: its header fields from top to bottom, and the body behind the empty line."""

    fields: tuple[Field, ...]
    body: bytes


def make_field(name: bytes, value: bytes) -> Field:
    """A field from a name and a value as a milter peer hands them over; never raises.

    `value` is all that stood behind the colon, the blank in front included. Its folds are LF (or CRLF) and become
    CRLF; an LF that no blank follows was no fold on the wire and stays what it is.
    """
    if b"\n" in value:
        if b"\r" in value:
            value = _FOLD.sub(b"\r\n", value)
        else:  # the same in a fraction of the time
            value = value.replace(b"\n ", b"\r\n ").replace(b"\n\t", b"\r\n\t")
    return _new_tuple(Field, (name.rstrip(b" \t").lower(), name + b":" + value + b"\r\n"))


def parse_message(data: bytes) -> Message:
    """Cut a message into fields and body. Raises `TypeError` for anything but bytes, and nothing else.

    `data` is what crosses SMTP (CRLF). Where no CRLF occurs at all, as in a file saved on Unix, each LF counts as
    one. A last line without its end gets it. The `From ` line that mailbox files put on top is no part of the
    message and is left out.
    """
    if not isinstance(data, bytes):
        raise TypeError(
            f"a message must be bytes, as they cross SMTP, not {type(data).__name__}; see bytes(), encode()"
        )
    if b"\r\n" not in data:
        data = data.replace(b"\n", b"\r\n")
    fields: list[Field] = []
    position = _start_of_message(data)
    while start := _FIELD_START.match(data, position):
        end = _END_OF_FIELD.search(data, start.end())
        if end is None:
            fields.append(Field(start[1].lower(), data[position:] + b"\r\n"))
            position = len(data)
            break
        fields.append(Field(start[1].lower(), data[position : end.end()]))
        position = end.end()
    if data.startswith(b"\r\n", position):
        position += 2
    return Message(tuple(fields), data[position:])


def _start_of_message(data: bytes) -> int:
    """The place behind a first line `From alice@example.org Tue Nov 24 …`, which MTAs and mbox files know."""
    line = _FIRST_LINE.match(data)
    return line.end() if line and not _FIELD_START.match(data) else 0
