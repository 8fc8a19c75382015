"""What a filter answers: a reply that settles the command at hand, and edits of the message before the last one.

Everything is checked when it is made, so that what exists can be sent: no NUL (Postfix takes the packet for
malformed and defers the mail), no line break that would start another header field, no reply text that one of the
MTAs drops. The mistakes are ours, so they are `LocalProtocolError`s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from struct import pack
from typing import NamedTuple

from inalign.errors import LocalProtocolError
from inalign.milter.frames import encode_frame
from inalign.milter.messages import Action

MAX_PAYLOAD_BYTES = 65_535
"""The longest payload that Sendmail takes from a filter (MilterMaxDataSize); a replaced body is cut at it."""

MAX_REPLY_LINES = 32
"""As many lines as libmilter lets a reply have."""

MAX_REPLY_LINE_OCTETS = 512
"""RFC 5321 section 4.5.3.1.5: a reply line with its code and CRLF."""


class ReplyKind(IntEnum):
    """What becomes of the command; the value is the octet on the wire."""

    CONTINUE = ord("c")
    ACCEPT = ord("a")
    """Take the connection or the message without asking further."""
    REJECT = ord("r")
    """Refuse for good."""
    TEMPFAIL = ord("t")
    """Refuse for now."""
    DISCARD = ord("d")
    """Say that it was accepted, and drop it."""
    REPLY_CODE = ord("y")
    """Refuse with this SMTP reply."""
    SKIP = ord("s")
    """No more commands of this kind for this message."""
    SHUTDOWN = ord("4")
    """Answer 421 and close the SMTP connection."""
    CONNECTION_FAILED = ord("f")
    """Let the SMTP connection fail."""


class MilterReply(NamedTuple):
    """One reply; `wire` is its frame."""

    kind: ReplyKind
    wire: bytes


def _plain(kind: ReplyKind) -> MilterReply:
    return MilterReply(kind, encode_frame(kind))


CONTINUE = _plain(ReplyKind.CONTINUE)
ACCEPT = _plain(ReplyKind.ACCEPT)
REJECT = _plain(ReplyKind.REJECT)
TEMPFAIL = _plain(ReplyKind.TEMPFAIL)
DISCARD = _plain(ReplyKind.DISCARD)
SKIP = _plain(ReplyKind.SKIP)
SHUTDOWN = _plain(ReplyKind.SHUTDOWN)
CONNECTION_FAILED = _plain(ReplyKind.CONNECTION_FAILED)
PROGRESS_FRAME = encode_frame(ord("p"))

_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")  # RFC 3463 section 2


def reply_code(code: int, enhanced: str, text: str) -> MilterReply:
    r"""A reply of 4xx or 5xx with an enhanced status code of the same class.

    `text` is printable ASCII; `\n` parts the lines of a multi-line reply. A percent sign is doubled on the wire, since
    both MTAs take it for the start of a macro.
    """
    if not 400 <= code <= 599:
        raise LocalProtocolError(f"reply code {code} is neither 4xx nor 5xx")
    if not _ENHANCED.fullmatch(enhanced) or enhanced[0] != str(code)[0]:
        raise LocalProtocolError(f"enhanced status code {enhanced!r} does not fit reply code {code}")
    lines = text.split("\n")
    if len(lines) > MAX_REPLY_LINES:
        raise LocalProtocolError(f"a reply of {len(lines)} lines is longer than the limit of {MAX_REPLY_LINES}")
    wire: list[str] = []
    for line in lines:
        if not line.isascii() or not line.isprintable():
            raise LocalProtocolError(f"reply text {line!r} is not printable ASCII")
        if len(line) + len(enhanced) + 7 > MAX_REPLY_LINE_OCTETS:
            raise LocalProtocolError(f"a reply line is longer than the limit of {MAX_REPLY_LINE_OCTETS} octets")
        separator = " " if len(wire) == len(lines) - 1 else "-"
        wire.append(f"{code}{separator}{enhanced} {line}".replace("%", "%%"))
    return MilterReply(
        ReplyKind.REPLY_CODE, encode_frame(ReplyKind.REPLY_CODE, "\r\n".join(wire).encode("ascii") + b"\0")
    )


class Edit(NamedTuple):
    """One change of a message, as the functions below make it."""

    action: Action
    """What the MTA must have offered."""
    letter: int
    parts: tuple[bytes, ...]
    """The payload; where `is_header`, the last part is a field value without its leading blank."""
    is_header: bool = False

    def wire(self, *, leading_space: bool) -> bytes:
        """The frame. With `leading_space` the MTA adds no blank behind the colon, so it must be sent."""
        if self.is_header and leading_space and self.parts[-1] != b"\0":
            return encode_frame(self.letter, b"".join((*self.parts[:-1], b" ", self.parts[-1])))
        return encode_frame(self.letter, b"".join(self.parts))


class Response(NamedTuple):
    """What becomes of a message: the edits, in the order in which the MTA shall make them, and the reply.

    An edit sees the message as the ones before it left it, so deletions by index come from the last index back and
    before insertions of the same name.
    """

    reply: MilterReply
    edits: Sequence[Edit] = ()


def add_header(name: bytes, value: bytes) -> Edit:
    """Add a field at the end of the header."""
    return Edit(Action.ADD_HEADER, ord("h"), (_name(name), _value(value)), is_header=True)


def insert_header(index: int, name: bytes, value: bytes) -> Edit:
    """Insert a field: 0 is above everything, the MTA's own Received too; 1 is above the message's first field.

    `value` is without the blank behind the colon, folds are LF or CRLF with a blank or a tab behind.
    """
    return Edit(Action.ADD_HEADER, ord("i"), (_index(index), _name(name), _value(value)), is_header=True)


def change_header(index: int, name: bytes, value: bytes) -> Edit:
    """Replace the value of the index-th field (from 1) of this name."""
    if not value:
        raise LocalProtocolError("an empty value deletes; delete_headers is the word for that")
    return Edit(Action.CHANGE_HEADER, ord("m"), (_index(index, 1), _name(name), _value(value)), is_header=True)


def delete_headers(name: bytes, indexes: Iterable[int]) -> tuple[Edit, ...]:
    """Delete the fields of this name with these indexes (from 1), the last one first so that the others stay true."""
    octets = _name(name)
    return tuple(
        Edit(Action.CHANGE_HEADER, ord("m"), (_index(index, 1), octets, b"\0"))
        for index in sorted(set(indexes), reverse=True)
    )


def quarantine(reason: str) -> Edit:
    """Put the message into the MTA's hold queue. Postfix drops the reason."""
    return Edit(Action.QUARANTINE, ord("q"), (_string(reason),))


def replace_body(body: bytes) -> tuple[Edit, ...]:
    """Put another body in the place of the present one."""
    return tuple(
        Edit(Action.REPLACE_BODY, ord("b"), (body[start : start + MAX_PAYLOAD_BYTES],))
        for start in range(0, max(len(body), 1), MAX_PAYLOAD_BYTES)
    )


def add_recipient(address: str, parameters: str = "") -> Edit:
    """Add a recipient, with or without ESMTP parameters."""
    if parameters:
        return Edit(Action.ADD_RECIPIENT_WITH_PARAMETERS, ord("2"), (_string(address), _string(parameters)))
    return Edit(Action.ADD_RECIPIENT, ord("+"), (_string(address),))


def delete_recipient(address: str) -> Edit:
    """Take a recipient away. Without the last one the message vanishes."""
    return Edit(Action.DELETE_RECIPIENT, ord("-"), (_string(address),))


def change_sender(address: str, parameters: str = "") -> Edit:
    """Change the reverse-path. Empty parameters are left out: Sendmail would make ` AUTH=` of them."""
    parts = (_string(address), _string(parameters)) if parameters else (_string(address),)
    return Edit(Action.CHANGE_SENDER, ord("e"), parts)


_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+")  # RFC 5322 section 3.6.8
_STRAY_BREAK = re.compile(rb"\r|\n(?![ \t])")


def _name(name: bytes) -> bytes:
    if not _FIELD_NAME.fullmatch(name):
        raise LocalProtocolError(f"{name!r} is no header field name")
    return name + b"\0"


def _value(value: bytes) -> bytes:
    value = value.replace(b"\r\n", b"\n")
    if b"\0" in value:
        raise LocalProtocolError("a header field value has a NUL")
    if _STRAY_BREAK.search(value):
        raise LocalProtocolError("a header field value has a line break that is no fold")
    if len(value) > MAX_PAYLOAD_BYTES - 1024:
        raise LocalProtocolError(f"a header field value of {len(value)} octets is too long for an MTA")
    return value + b"\0"


def _string(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    if b"\0" in octets or b"\n" in octets or b"\r" in octets:
        raise LocalProtocolError(f"{text!r} has a NUL or a line break")
    if len(octets) > 1024:
        raise LocalProtocolError(f"a string of {len(octets)} octets is longer than any path or parameter")
    return octets + b"\0"


def _index(index: int, least: int = 0) -> bytes:
    if not least <= index < 1 << 31:
        raise LocalProtocolError(f"{index} is no header field index")
    return pack(">I", index)
